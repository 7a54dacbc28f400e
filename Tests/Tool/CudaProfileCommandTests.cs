using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Native;
using Sequor.Tests.Profiles;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor profile</c> on a GPU: steps as graphs and not, launches, what libraries do not tell, and failures.</summary>
[TestFixture]
public sealed class CudaProfileCommandTests : CudaCommandFixture
{
    private const string Tiny =
        "profile --device cuda --length 7 --hidden 5 --layers 2 --batch 5 --steps 2 --warmup 1";

    private JsonNode Profile(string line, params string[] more)
    {
        string json = PathOf("profile.json");
        ProgramResult result = Run(line, [.. more, "--json", json]);
        result.RequireSuccess();
        return JsonNode.Parse(File.ReadAllBytes(json))!;
    }

    // Kernels are compiled for each test: of all architectures those with most of them are run with the long tests.
    private static IEnumerable<TestCaseData> Architectures() =>
        Listed.Architectures.Select(arch =>
            arch is "tcn" or "lru"
                ? new TestCaseData(arch).SetCategory("Long")
                : new TestCaseData(arch)
        );

    [TestCaseSource(nameof(Architectures))]
    public void Rows_add_up_and_steps_are_graphs(string arch)
    {
        string trace = PathOf("trace.json");
        JsonNode report = Profile($"{Tiny} --arch {arch} --trace", trace);
        ProfileCheck.Require(report, "cuda:0", arch);
        JsonNode result = report["results"]![0]!;
        Assert.That((bool)result["profiled_graph"]!, Is.True);
        Assert.That((long)result["graph_nodes"]!, Is.GreaterThan(10));
        Assert.That(result["eager_reason"], Is.Null);
        Assert.That((string?)report["gpu"]!["name"], Is.Not.Empty);
        JsonArray rows = result["layers"]!.AsArray();
        Assert.That(rows.Sum(r => (int)r!["launches"]!), Is.GreaterThan(10));
        TraceCheck.Require(File.ReadAllBytes(trace), 1);
    }

    [Test]
    public void One_step_is_a_graph_as_well()
    {
        JsonNode report = Profile(
            "profile --device cuda --arch gru --length 7 --hidden 5 --batch 5 --steps 1 --warmup 0"
        );
        ProfileCheck.Require(report, "cuda:0", "gru");
        JsonNode result = report["results"]![0]!;
        Assert.That((bool)result["profiled_graph"]!, Is.True);
        Assert.That((long)result["graph_nodes"]!, Is.GreaterThan(10));
    }

    [Test]
    public void What_happens_inside_cuDNN_moves_bytes_that_nobody_knows()
    {
        JsonArray rows = Profile($"{Tiny} --arch gru")["results"]![0]!["layers"]!.AsArray();
        JsonNode[] recurrent =
        [
            .. rows.Where(r =>
                ((string)r!["operation"]!).StartsWith("recurrent", StringComparison.Ordinal)
            )!,
        ];
        Assert.That(recurrent, Is.Not.Empty);
        Assert.That(recurrent.Select(r => r["bytes_moved"]), Is.All.Null);
        Assert.That(recurrent.Select(r => (long)r["flops"]!), Is.All.Positive);
    }

    [Test]
    public void Without_graphs_it_is_told()
    {
        string json = PathOf("profile.json");
        ProgramResult result = Run($"{Tiny} --arch rnn --graph off --json", json);
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Contain("Operation by operation (graphs are switched off).")
        );
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        ProfileCheck.Require(report, "cuda:0", "rnn");
        JsonNode one = report["results"]![0]!;
        Assert.That((bool)one["profiled_graph"]!, Is.False);
        Assert.That((string?)one["eager_reason"], Is.EqualTo("graphs are switched off"));
    }

    [Test]
    public void Two_runs_count_the_same()
    {
        string first = PathOf("first.json");
        string second = PathOf("second.json");
        Run($"{Tiny} --arch lru --json", first).RequireSuccess();
        Run($"{Tiny} --arch lru --json", second).RequireSuccess();
        InProcess.Run("compare", first, second, "--counts").RequireSuccess();
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(second))!;
        JsonNode row = report["results"]![0]!["layers"]!
            .AsArray()
            .First(r => (string)r!["operation"]! == "scan")!;
        row["launches"] = (int)row["launches"]! + 1;
        File.WriteAllText(second, report.ToJsonString());
        ProgramResult worse = InProcess.Run("compare", first, second, "--counts");
        Assert.That(worse.ExitCode, Is.EqualTo(1), worse.Error);
        Assert.That(worse.Output, Does.Match("(?m)^lru .* scan forward: launches .*more"));
    }

    [VirtualGpuOnly]
    [Test]
    public void A_kernel_that_fails_ends_it_and_is_named_in_every_file()
    {
        const int launchFailed = (int)CUresult.CUDA_ERROR_LAUNCH_FAILED;
        Virtual!.Refuse("cuLaunchKernel", launchFailed, after: 100, times: 1);
        (string json, string html) = (PathOf("p.json"), PathOf("p.html"));
        Run($"{Tiny} --arch lru --graph off --json", json, "--html", html)
            .RequireFailure(1, "cuLaunchKernel", "CUDA_ERROR_LAUNCH_FAILED");
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        Assert.That((string?)report["status"], Is.EqualTo("failed"));
        Assert.That((string?)report["reason"], Does.Contain("CUDA_ERROR_LAUNCH_FAILED"));
        Assert.That(File.ReadAllText(html), Does.Contain("Not finished: failed"));
    }

    [VirtualGpuOnly]
    [Test]
    public void A_device_that_is_not_there_is_an_error() =>
        Run("profile --device cuda:7").RequireFailure(1, "cuda:7", "no CUDA device 7", "0 (");

    [VirtualGpuOnly]
    [Test]
    public void It_is_the_gpus_memory_that_a_model_has_to_fit_in() =>
        Run("profile --arch lru --length 100000 --batch 1000 --hidden 64 --device cuda")
            .RequireMemoryTable("needs at least", "Sequor virtual GPU", "GiB free");
}
