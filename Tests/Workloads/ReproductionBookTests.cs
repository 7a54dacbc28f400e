using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Tests.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Results of several days as one book, its tables as a document, and docs/results.md against the JSON that it is made from.</summary>
[TestFixture]
public sealed class ReproductionBookTests : FolderTest
{
    private static readonly EpochRecord Epoch = new(1, 9, 8, 1e-3f, 2.5);

    private static ReproductionResult Of(string task, string arch, string preset, double? test) =>
        Made.Reproduced(arch, 8, test, [Epoch]) with
        {
            Task = task,
            Preset = preset,
        };

    private static ReproductionBook Book(params ReproductionResult[] results) =>
        new() { Results = results, Sources = [new BookSource("2026-01-02", "1 (abc)", "CPU")] };

    [Test]
    public void Tables_are_in_the_order_of_the_catalogue()
    {
        ReproductionBook book = Book(
            Of("copy", "lru", "t100", 1),
            Of("jsb", "tcn", "20k", 1),
            Of("jsb", "rnn", "20k", 1),
            Of("jsb", "gru", "300k", 1),
            Of("unknown", "unknown", "x", 1),
            Of("copy", "lru", "16k", 1)
        );
        Assert.That(
            book.Groups.Select(g =>
                $"{g.Task} {g.Preset}: {string.Join(" ", g.Results.Select(r => r.Arch))}"
            ),
            Is.EqualTo(
                new[]
                {
                    "jsb 300k: gru",
                    "jsb 20k: rnn tcn",
                    "copy 16k: lru",
                    "copy t100: lru",
                    "unknown x: unknown",
                }
            )
        );
    }

    [Test]
    public void The_later_of_two_results_counts_and_what_was_done_since_is_not_left()
    {
        var left = new LeftRun("jsb", "gru", "300k", 1, "the time was over", 5, true);
        ReproductionBook joined = ReproductionBook.Join([
            Book(Of("jsb", "tcn", "300k", 1)) with
            {
                Left = [left, left with { Arch = "lstm" }],
                Status = RunStatus.Interrupted,
                Reason = "stopped",
            },
            Book(Of("jsb", "tcn", "300k", 2), Of("jsb", "gru", "300k", 3)) with
            {
                Left = [left with { Arch = "lstm", Seconds = 6 }],
            },
        ]);
        Assert.That(
            joined.Results.Select(r => (r.Arch, r.Test)),
            Is.EquivalentTo(new (string, double?)[] { ("tcn", 2), ("gru", 3) })
        );
        Assert.That(joined.Left, Is.EqualTo(new[] { left with { Arch = "lstm", Seconds = 6 } }));
        Assert.That((joined.Status, joined.Reason), Is.EqualTo((RunStatus.Interrupted, "stopped")));
        Assert.That(joined.Sources, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_ladder_has_three_rungs_at_least_from_the_bottom()
    {
        string[] rungs =
        [
            .. Architecture
                .All.Where(a => a.OnLadder is not null)
                .OrderBy(a => a.OnLadder!.Number)
                .Select(a => a.Name),
        ];
        Assert.That(rungs[^1], Is.EqualTo("lru"), "the ladder leads there");
        Assert.That(
            Architecture.All.Where(a => a.OnLadder is not null).Select(a => a.OnLadder!.Number),
            Is.Unique
        );
        ReproductionBook book = Book([
            .. rungs.Reverse().Select(arch => Of("listops", arch, "70k", 50)),
            Of("listops", "gru", "70k", 1),
        ]);
        if (rungs.Length < 3)
        {
            Assert.That(book.Ladders, Is.Empty);
            return;
        }
        Assert.That(book.Ladders.Single().Results.Select(r => r.Arch), Is.EqualTo(rungs));
        Assert.That(
            ResultsDocument.Render(book),
            Does.Contain("## From a tanh network to the LRU: listops, 70k")
        );
    }

    [Test]
    public void Measured_steps_stand_beside_the_rungs_of_a_ladder()
    {
        ReproductionResult[] rungs =
        [
            .. new[] { "tanh", "linear", "lru" }.Select(arch => Of("listops", arch, "70k", 50)),
        ];
        BenchResult step = Made.Result("lru", 512, 12.5, 1 << 20);
        ReproductionBook book = Book(rungs) with
        {
            Steps =
            [
                Made.Report() with
                {
                    Task = "listops",
                    Results =
                    [
                        step with
                        {
                            Parameters = rungs[0].Parameters * 109 / 100,
                            StepMs = step.StepMs with { Median = 12.5 },
                        },
                        // Of another size.
                        step with
                        {
                            Arch = "tanh",
                            Parameters = 2 * rungs[0].Parameters,
                        },
                    ],
                },
            ],
        };
        Assert.That(rungs.Select(book.StepOf), Is.EqualTo(new double?[] { null, null, 12.5 }));
        string text = ResultsDocument.Render(book);
        Assert.That(text, Does.Contain("| paper | ms a step |\n"));
        Assert.That(text, Does.Match(@"\| lru \| [^|]+ \| 50.00 \| 8.00 \| 12.5 \|"));
        string page = Sequor.Workloads.Charts.ReproductionPage.Render(book);
        Made.RequireWhole(page);
        Assert.That(page, Does.Contain("lru, a training step: 12.5 ms"));
    }

    [Test]
    public void What_is_recalled_stands_against_length()
    {
        ReproductionResult Recalled(string arch, int length, double share) =>
            Of("copy", arch, $"t{length}", 0.1) with
            {
                Length = length,
                Recalled = share,
                Budget = 10_000,
            };
        ReproductionBook book = Book(
            Recalled("tcn", 100, 99.5),
            Recalled("tcn", 50, 100),
            Recalled("gru", 100, 12.5),
            Recalled("tcn", 1000, 3) with
            {
                Budget = 16_000,
            }
        );
        Assert.That(
            ResultsDocument.Render(book),
            Does.Contain(
                """
                ## copy: right answers in percent, 10000 parameters

                | model | T = 50 | T = 100 |
                | --- | ---: | ---: |
                | gru | – | 12.5 |
                | tcn | 100.0 | 99.5 |
                """.ReplaceLineEndings("\n")
            )
        );
        string page = Sequor.Workloads.Charts.ReproductionPage.Render(book);
        Made.RequireWhole(page);
        Assert.That(Made.Island(page, "charts"), Does.Contain("\"values\":[null,12.5]"));
        Assert.That(Made.Cells(page), Is.SupersetOf(new[] { "T = 50", "99.5", "100.0" }));
    }

    [Test]
    public void Hostile_texts_stay_in_their_cells()
    {
        string text = ResultsDocument.Render(
            Book(Of("jsb", "a|b<i>\nc", "x", 1)) with
            {
                Sources = [new BookSource("|", "<b>", "\u001b[31m")],
            }
        );
        Assert.That(text, Does.Contain(@"| a\|b&lt;i>\\nc |"));
        Assert.That(text, Does.Not.Contain("<b>").And.Not.Contain("\u001b"));
    }

    // The command of the document itself, and the results that it has.
    [Test]
    public void The_document_of_results_is_what_its_json_makes()
    {
        string root = Repository.Root();
        string document = File.ReadAllText(Path.Combine(root, "docs", "results.md"));
        string command = document
            .Split('\n')
            .Single(line => line.StartsWith("sequor page ", StringComparison.Ordinal));
        string[] words = command.Trim().Split(' ')[2..^2];
        Assert.That(command, Does.EndWith("--markdown docs/results.md"));
        Assert.That(
            words,
            Is.EqualTo(
                new[] { "reproduce", "steps", "sweep" }
                    .SelectMany(kind =>
                        Directory.GetFiles(
                            Path.Combine(root, "Benchmarks", "Results"),
                            $"{kind}-*.json"
                        )
                    )
                    .Select(path => $"Benchmarks/Results/{Path.GetFileName(path)}")
                    .Order(StringComparer.Ordinal)
            ),
            "all of them"
        );
        string made = PathOf("results.md");
        File.WriteAllText(made, document);
        InProcess
            .Run(["page", .. words.Select(word => Path.Combine(root, word)), "--markdown", made])
            .RequireSuccess();
        Assert.That(File.ReadAllText(made), Is.EqualTo(document), $"made anew by: {command}");
    }
}
