using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Counts;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>./build.sh counts: text and JSON of small steps, floors on several GPUs, and what is refused.</summary>
[TestFixture]
[NonParallelizable]
[VirtualGpuOnly]
[Category("Gpu")]
public sealed class CountsCommandTests : FolderTest
{
    private const string Tiny = "counts --length 12 --batch 4 --hidden 6";

    private static ProgramResult Run(string line, params string[] more) =>
        InProcess.Run(CountsCommand.CreateRoot, [.. line.Split(' '), .. more]);

    private JsonNode Json(string line, params string[] more)
    {
        string json = PathOf("counts.json");
        Run(line, [.. more, "--json", json]).RequireSuccess();
        byte[] bytes = File.ReadAllBytes(json);
        new JsonCoverage(JsonPage.Read()).Add("sequor.counts/1", bytes);
        return JsonNode.Parse(bytes)!;
    }

    [Test]
    public void Every_compared_architecture_is_counted_unless_some_are_named()
    {
        JsonNode report = Json(Tiny);

        Assert.That(
            report["results"]!.AsArray().Select(r => (string)r!["arch"]!),
            Is.EqualTo(Architecture.Compared.Select(a => a.Name))
        );
        Assert.That((string)report["gpu"]!, Is.EqualTo("h200"));
        // One call of cuDNN a pass; the linear layer's three products; its bias and sum, the loss, and the optimizer's two.
        JsonNode rnn = report["results"]![0]!;
        Assert.That((int)rnn["cudnn_calls"]!, Is.EqualTo(3));
        Assert.That((int)rnn["cublas_calls"]!, Is.EqualTo(3));
        Assert.That((int)rnn["launches"]!, Is.EqualTo(5));
    }

    // The same numbers as in step-counts.txt, where another test has them by hand: products and three calls of a net.
    [Test]
    public void Bytes_operations_and_floors_are_sums_over_kernels_and_library_calls()
    {
        JsonNode rnn = Json(Tiny, "--arch", "rnn")["results"]!.AsArray().Single()!;
        JsonArray kernels = rnn["kernels"]!.AsArray();
        long own = kernels.Sum(k => (long)k!["bytes"]!);

        Assert.That((long)rnn["bytes"]! - own, Is.EqualTo(432 + 2928 + 2016 + 1776));
        Assert.That((long)rnn["flops"]!, Is.GreaterThan(144 + 3 * 4608));
        // Bandwidth limits the library calls here, and the optimizer.
        Assert.That(
            (double)rnn["floor_us"]!,
            Is.EqualTo(
                    kernels.Sum(k => (double)k!["floor_us"]!)
                        + ((long)rnn["bytes"]! - own) / 4800e9 * 1e6
                )
                .Within(1e-6 * kernels.Count)
        );
        JsonNode adam = Adam(rnn);
        Assert.That(
            (double)adam["floor_us"]!,
            Is.EqualTo((long)adam["bytes"]! / 4800e9 * 1e6).Within(1e-6)
        );
        Assert.That((int)adam["registers"]!, Is.EqualTo(58));
        Assert.That((double)adam["occupancy"]!, Is.EqualTo(0.5));
        Assert.That((long)adam["sectors"]! * 32, Is.AtLeast((long)adam["bytes"]!));
    }

    [Test]
    public void A_gpu_has_floors_of_its_own_and_its_own_registers()
    {
        JsonNode h200 = Json(Tiny, "--arch", "lstm")["results"]![0]!;
        JsonNode h100 = Json(Tiny, "--arch", "lstm", "--gpu", "h100")["results"]![0]!;
        JsonNode ada = Json(Tiny, "--arch", "lstm", "--gpu", "rtx4090")["results"]![0]!;

        Assert.That(
            (double)Adam(h100)["floor_us"]! / (double)Adam(h200)["floor_us"]!,
            Is.EqualTo(4800.0 / 3350).Within(2e-3)
        );
        Assert.That((double)ada["floor_us"]!, Is.GreaterThan((double)h100["floor_us"]!));
        foreach (string key in (string[])["launches", "bytes", "flops", "copies"])
            Assert.That((long)ada[key]!, Is.EqualTo((long)h200[key]!), key);
        Assert.That(
            ada["kernels"]!.AsArray().Select(k => (int)k!["registers"]!),
            Is.Not.EqualTo(h200["kernels"]!.AsArray().Select(k => (int)k!["registers"]!))
        );
    }

    [Test]
    public void A_file_describes_another_gpu_and_products_by_tf32_have_a_rate_of_their_own()
    {
        string file = PathOf("mine.txt");
        File.WriteAllText(
            file,
            GpuFile
                .Replace("4800", "1000000", StringComparison.Ordinal)
                .Replace("= 67", "= 0.001", StringComparison.Ordinal)
        );
        const string line = "counts --length 12 --batch 4 --hidden 6 --arch rnn";
        JsonNode slow = Json(line, "--gpu", file);
        JsonNode fast = Json(line, "--gpu", file, "--math", "tf32");

        Assert.That((string)slow["gpu"]!, Is.EqualTo(file));
        // 144 operations of products and 3 x 4608 of the net at 1 GFLOP/s, which TF32 takes off the slow rate.
        Assert.That(
            (double)slow["results"]![0]!["floor_us"]! - (double)fast["results"]![0]!["floor_us"]!,
            Is.EqualTo((144 + 3 * 4608) / 1e9 * 1e6).Within(0.02)
        );
    }

    [Test]
    public void A_convolution_is_products_or_cudnns()
    {
        const string line = "counts --length 12 --batch 4 --hidden 6 --layers 2 --arch tcn";
        JsonNode products = Json(line)["results"]![0]!;
        JsonNode convolution = Json(line, "--convolution", "cudnn")["results"]![0]!;

        Assert.That((int)products["cudnn_calls"]!, Is.Zero);
        Assert.That((int)convolution["cudnn_calls"]!, Is.Positive);
        Assert.That((int)convolution["cublas_calls"]!, Is.LessThan((int)products["cublas_calls"]!));
    }

    [Test]
    public void The_text_says_what_a_floor_is_and_has_the_kernels()
    {
        ProgramResult result = Run(Tiny, "--arch", "lru");
        result.RequireSuccess();

        Assert.That(result.Output, Does.Contain("A floor is a bound and no forecast"));
        Assert.That(result.Output, Does.Contain("measured at 4,300 GB/s by others"));
        Assert.That(result.Output, Does.Match("(?m)^scan_wide_forward +4 +"));
        Assert.That(result.Output, Does.Match("(?m)^lru: 43 launches, 41 library calls, 3 copies"));
    }

    [TestCase(
        "--gpu h300",
        "--gpu must be a100, h100, h200, rtx4090 or a file, and there is no 'h300'"
    )]
    [TestCase("--device cuda", "--device")]
    [TestCase("--arch gpt", "--arch must be")]
    [TestCase("--layers 0", "--layers must be")]
    [TestCase("--params 100", "exclude each other")]
    public void What_is_none_is_wrong_usage(string more, string message)
    {
        ProgramResult result = Run(Tiny, more.Split(' '));

        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Error, Does.StartWith("sequor").And.Contain(message));
    }

    [Test]
    public void A_model_that_the_gpu_has_no_memory_for_is_told()
    {
        string file = PathOf("small.txt");
        File.WriteAllText(file, GpuFile.Replace("= 141", "= 1", StringComparison.Ordinal));
        ProgramResult result = Run(
            "counts --arch lstm --length 100000 --batch 64 --hidden 100 --gpu",
            file
        );

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Error, Does.Contain("memory"));
    }

    // Of each line that is wrong, where it is and what would be right.
    [TestCase("bandwidth", "bandwith", "line 6: 'bandwith' is no entry; there are name, compute")]
    [TestCase(
        "= 4800 ",
        "= fast ",
        "line 6: bandwidth must be a number from 1 to 1000000 (GB/s), not 'fast'"
    )]
    [TestCase("= 4800 ", "= -1 ", "line 6: bandwidth must be a number from 1")]
    [TestCase("= 4800 ", "= NaN ", "line 6: bandwidth must be a number from 1")]
    [TestCase("= 4800 ", "  4800 ", "line 6: 'bandwidth")]
    [TestCase("= 4800 ", "=", "line 6: 'bandwidth")]
    [TestCase("= 132 ", "= 13.5 ", "line 4: multiprocessors must be a whole number from 1 to 1024")]
    [TestCase(
        "= 9.0",
        "= 10.0",
        "line 3: compute capability must be one of 7.5, 8.0, 8.6, 8.9, 9.0"
    )]
    [TestCase("float64  ", "float32  ", "line 9: float32 is there twice")]
    [TestCase("tf32  ", "# tf32  ", "tf32 is missing; all of name, compute capability")]
    public void A_file_that_is_none_is_told_with_its_line(string old, string now, string message)
    {
        string file = PathOf("wrong.txt");
        File.WriteAllText(file, GpuFile.Replace(old, now, StringComparison.Ordinal));
        ProgramResult result = Run(Tiny, "--gpu", file, "--json", PathOf("none.json"));

        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Error, Does.Contain($"--gpu: '{file}': {message}"));
        Assert.That(File.Exists(PathOf("none.json")), Is.False);
    }

    [Test]
    public void A_file_that_cannot_be_one_is_not_read()
    {
        string file = PathOf("large.txt");
        File.WriteAllBytes(file, new byte[(1 << 16) + 1]);

        Assert.That(Run(Tiny, "--gpu", file).Error, Does.Contain("more than 65536 bytes"));
        Assert.That(Run(Tiny, "--gpu", Folder).ExitCode, Is.EqualTo(1));
        File.WriteAllText(file, GpuFile);
        Assert.That(
            Run(Tiny, "--gpu", file, "--json", file).Error,
            Does.Contain("would overwrite")
        );
        Assert.That(File.ReadAllText(file), Is.EqualTo(GpuFile));
    }

    [Test]
    public void All_known_gpus_are_as_they_should_be() =>
        Assert.That(
            Gpu.Known.Select(name => (name, Gpu.Get("--gpu", name).Capability)),
            Is.EqualTo(new[] { ("a100", 80), ("h100", 90), ("h200", 90), ("rtx4090", 89) })
        );

    private static JsonNode Adam(JsonNode result) =>
        result["kernels"]!.AsArray().Single(k => (string)k!["name"]! == "optimizer_adam")!;

    private static string GpuFile
    {
        get
        {
            using Stream stream = typeof(Gpu).Assembly.GetManifestResourceStream("gpus/h200")!;
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
    }
}
