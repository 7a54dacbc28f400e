using System.Text.Json;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor bench --widths</c>: its tables and JSON, what it leaves out, and what it refuses.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class GridCommandTests : FolderTest
{
    private (ProgramResult Result, JsonElement Report) Bench(string words)
    {
        string json = PathOf("grid.json");
        ProgramResult result = Program.Run([
            "bench",
            .. words.Split(' '),
            "--threads",
            "1",
            "--json",
            json,
        ]);
        result.RequireSuccess();
        return (result, JsonDocument.Parse(File.ReadAllBytes(json)).RootElement);
    }

    [Test]
    public void Every_width_has_a_cell_at_every_batch_size()
    {
        (ProgramResult result, JsonElement report) = Bench(
            "--arch rnn,lru --widths 2,3 --batches 1,2,5 --length 4 --layers 1"
        );

        JsonElement grid = report.GetProperty("grid");
        JsonElement[] cells = [.. grid.GetProperty("cells").EnumerateArray()];
        Assert.That(
            cells.Select(cell =>
                (
                    cell.GetProperty("arch").GetString(),
                    cell.GetProperty("hidden").GetInt32(),
                    cell.GetProperty("batch").GetInt32()
                )
            ),
            Is.EqualTo(
                from arch in (string[])["rnn", "lru"]
                from hidden in (int[])[2, 3]
                from batch in (int[])[1, 2, 5]
                select (arch, hidden, batch)
            )
        );
        foreach (JsonElement cell in cells)
        {
            Assert.That(cell.GetProperty("steps").GetInt32(), Is.InRange(3, 501));
            Assert.That(cell.GetProperty("step_ms").GetProperty("median").GetDouble(), Is.Positive);
            Assert.That(cell.GetProperty("floor_ms").GetDouble(), Is.Positive);
            Assert.That(cell.TryGetProperty("skipped", out _), Is.False);
        }
        // As much again for twice the sequences, but for what is once a step, as the update.
        long one = cells[0].GetProperty("flops").GetInt64();
        long two = cells[1].GetProperty("flops").GetInt64();
        long five = cells[2].GetProperty("flops").GetInt64();
        Assert.That(five - two, Is.EqualTo(3 * (two - one)));
        Assert.That(grid.GetProperty("most_ratio").GetDouble(), Is.EqualTo(2.5));
        Assert.That(report.GetProperty("results").GetArrayLength(), Is.Zero);
        Assert.That(
            report.GetProperty("peaks").GetProperty("copy_bytes_per_s").GetDouble(),
            Is.Positive
        );
        Assert.That(result.Output, Does.Contain("rnn, depth 1: a training step, ms"));
        Assert.That(result.Output, Does.Match("(?m)^width +B=1 +B=2 +B=5$"));
        // Of each architecture two widths side by side at three batch sizes, and three batch sizes of two widths.
        int cliffs = grid.GetProperty("cliffs").GetArrayLength();
        Assert.That(grid.GetProperty("pairs").GetInt32(), Is.EqualTo(2 * (3 + 4)));
        Assert.That(
            result.Output,
            Does.Contain(
                cliffs switch
                {
                    0 => "Of 14 pairs of neighbours none differs by more than the count says.",
                    1 => "Of 14 pairs of neighbours 1 differs by more than the count says, which",
                    _ =>
                        $"Of 14 pairs of neighbours {cliffs} differ by more than the count says, which",
                }
            )
        );
        Assert.That(grid.GetProperty("device").GetString(), Is.EqualTo("cpu"));
        Assert.That(grid.GetProperty("length").GetInt32(), Is.EqualTo(4));
        Assert.That(grid.GetProperty("sequence_length").GetInt32(), Is.EqualTo(4));
        Assert.That(cells[0].TryGetProperty("variant", out _), Is.False);
    }

    [Test]
    public void One_width_and_one_batch_size_are_a_grid_with_the_form_of_its_models()
    {
        (ProgramResult result, JsonElement report) = Bench(
            "--arch lru --widths 2 --batches 3 --bidirectional --task copy --length 3"
        );

        JsonElement grid = report.GetProperty("grid");
        JsonElement cell = grid.GetProperty("cells").EnumerateArray().Single();
        Assert.That(cell.GetProperty("variant").GetString(), Is.EqualTo("bidirectional"));
        Assert.That(grid.GetProperty("length").GetInt32(), Is.EqualTo(3));
        Assert.That(grid.GetProperty("sequence_length").GetInt32(), Is.GreaterThan(3));
        Assert.That(grid.GetProperty("pairs").GetInt32(), Is.Zero);
        Assert.That(
            result.Output,
            Does.Contain("No neighbours were measured, so none are compared.")
        );
    }

    [Test]
    public void A_table_of_the_widths_and_batch_sizes_of_most_machines_fits_100_columns()
    {
        string output = Bench(
            "--arch gru --widths 1,2 --batches 1,2,4,8,16,32,64,128,256,512,1024,2048 --length 2"
        ).Result.Output;

        string[] tables =
        [
            .. output.Split('\n').Where(line => line.StartsWith("width", StringComparison.Ordinal)),
        ];
        Assert.That(tables, Has.Length.EqualTo(4), "two parts of two tables");
        Assert.That(tables, Has.All.Length.AtMost(100));
    }

    [Test]
    public void What_would_take_too_long_is_left_out_and_told()
    {
        (ProgramResult result, JsonElement report) = Bench(
            "--arch lstm --widths 2000,2048 --batches 1000,2000 --length 5000"
        );

        foreach (
            JsonElement cell in report.GetProperty("grid").GetProperty("cells").EnumerateArray()
        )
        {
            Assert.That(cell.GetProperty("steps").GetInt32(), Is.Zero);
            Assert.That(
                cell.GetProperty("skipped").GetString(),
                Is.EqualTo("a step takes more than 3 s by estimate")
            );
            Assert.That(cell.TryGetProperty("step_ms", out _), Is.False);
        }
        Assert.That(
            result.Output,
            Does.Contain("Left out, 4 cells: a step takes more than 3 s by estimate.")
                .And.Contain("No neighbours were measured, so none are compared.")
        );
    }

    [TestCase("--widths 4,8 --hidden 4", "--hidden makes no sense with --widths")]
    [TestCase("--widths 4,8 --params 400", "--params makes no sense with --widths")]
    [TestCase("--widths 4,8 --sweep 4,8", "--sweep makes no sense with --widths")]
    [TestCase("--widths 4,8 --stream", "--stream makes no sense with --widths")]
    [TestCase("--widths 4,8 --steps 4", "--steps makes no sense with --widths")]
    [TestCase("--widths 4,8 --rounds 4", "--rounds makes no sense with --widths")]
    [TestCase("--widths 4,8 --batch 4 --batches 1,2", "exclude each other")]
    [TestCase("--widths 4,8 --warmup 4", "--warmup makes no sense with --widths")]
    [TestCase("--widths 4,8 --paired x", "--paired makes no sense with --widths")]
    [TestCase("--widths 4,8 --force", "--force needs --paired OTHER")]
    [TestCase("--widths 4,8 --minutes 1", "--minutes needs --paired OTHER")]
    [TestCase("--batches 1,2", "--batches needs --widths")]
    [TestCase("--stream --batches 1,2", "--batches needs --widths")]
    [TestCase("--paired x --batches 1,2", "--batches needs --widths")]
    [TestCase("--worker --batches 1,2", "--batches needs --widths")]
    [TestCase("--widths 8,4", "ascending order")]
    [TestCase("--widths 0,4", "from 1 to")]
    [TestCase("--widths 4, --batches 1", "one or more different whole numbers")]
    public void Contradictions_are_refused(string words, string message)
    {
        ProgramResult result = Program.Run(["bench", .. words.Split(' ')]);
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Output);
        Assert.That(result.Error, Does.Contain(message));
    }
}
