using System.Globalization;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.Tests.Training;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>sequor with --device cuda: what it does with --device cpu, on the GPU.</summary>
[TestFixture]
public sealed class CudaCommandTests : CudaCommandFixture
{
    private const string Tiny = "--length 7 --hidden 5 --layers 2 --batch 125";

    [Test]
    public void Bench_measures_all_that_are_compared()
    {
        string json = PathOf("bench.json");
        ProgramResult result = Run($"bench --device cuda {Tiny} --steps 3 --warmup 1 --json", json);
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("device cuda:0: ").And.Contain("tokens/s"));
        RequireDescribed(Read(json));
        JsonArray results = Read(json)["results"]!.AsArray();
        Assert.That(
            results.Select(r => (string?)r!["arch"]),
            Is.EqualTo(Architecture.Compared.Select(a => a.Name))
        );
        foreach (JsonNode? r in results)
        {
            Assert.That((string?)r!["device"], Is.EqualTo("cuda:0"));
            Assert.That((double)r["step_ms"]!["median"]!, Is.Positive);
            Assert.That((double)r["tokens_per_s"]!, Is.Positive);
            Assert.That((double)r["native_allocations_per_step"]!, Is.Zero);
            Assert.That((long)r["graph_nodes"]!, Is.GreaterThan(10));
            Assert.That(r["eager_reason"], Is.Null);
            Assert.That(
                r["memory_bytes"]!.AsObject().Sum(pair => (long)pair.Value!),
                Is.EqualTo((long)r["peak_bytes"]!)
            );
        }
    }

    [Test]
    public void Without_graphs_the_reason_is_told()
    {
        string json = PathOf("bench.json");
        ProgramResult result = Run(
            $"bench --device cuda --arch gru --graph off --math tf32 {Tiny} --steps 3 --warmup 0 --json",
            json
        );
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Contain("gru operation by operation (graphs are switched off)")
        );
        JsonNode report = Read(json);
        Assert.That((long)report["results"]![0]!["graph_nodes"]!, Is.Zero);
        Assert.That(
            (string?)report["results"]![0]!["eager_reason"],
            Is.EqualTo("graphs are switched off")
        );
        Assert.That((string?)report["gpu"]!["arithmetic"], Is.EqualTo("tf32"));
    }

    [Test]
    [VirtualGpuOnly]
    public void Convolutions_that_no_engine_takes_are_measured_as_products_and_told()
    {
        Virtual!.Manners.SymmetricPaddingOnly = true;
        string json = PathOf("bench.json");
        ProgramResult result = Run(
            $"bench --device cuda --arch tcn,gru --convolution cudnn {Tiny} --steps 3 --warmup 0 --json",
            json
        );
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("Not as was asked for, in tcn: 4 operations. "));
        Assert.That(
            result.Output,
            Does.Contain("CUDNN_STATUS_NOT_SUPPORTED_PADDING").And.Not.Contain(", in gru")
        );
        JsonArray results = Read(json)["results"]!.AsArray();
        JsonArray fallbacks = results[0]!["fallbacks"]!.AsArray();
        Assert.That(fallbacks, Has.Count.EqualTo(4));
        Assert.That(
            (string?)fallbacks[3],
            Does.Contain("0.1: convolution by products on shifted rows")
        );
        Assert.That(results[1]!["fallbacks"], Is.Null);
    }

    [Test]
    public void A_sweep_gives_back_the_memory_of_each_length()
    {
        string json = PathOf("bench.json");
        Run(
                "bench --device cuda:0 --task copy --sweep 3,5 --hidden 4 --layers 1 --batch 2 --steps 1 --warmup 0 --json",
                json
            )
            .RequireSuccess();
        Assert.That(Read(json)["results"]!.AsArray(), Has.Count.EqualTo(10));
    }

    [Test]
    public void A_text_is_learned_as_on_the_cpu()
    {
        string text = PathOf("text");
        File.WriteAllText(text, string.Concat(Enumerable.Range(0, 900).Select(i => $"{i} ")));
        string[] options =
        [
            .. $"train --arch gru --task charlm {Tiny} --steps 4 --lr 0.005 --data".Split(' '),
            text,
        ];

        JsonNode gpu = Train("cuda", options);

        Assert.That(gpu["eager_reason"], Is.Null);
        RequireClose(gpu, Train("cpu", options));
    }

    private static IEnumerable<TestCaseData> Pairs =>
        Listed.WithEachArchitecture([.. Listed.EqualTasks]);

    [TestCaseSource(nameof(Pairs))]
    public void Training_learns_what_it_learns_on_the_cpu(string arch, string task)
    {
        string[] options =
        [
            "train",
            "--arch",
            arch,
            "--task",
            task,
            // A held-out set is a thousand sequences.
            .. $"{Tiny} --steps 6 --eval-every {(task == "copy" ? 6 : 3)} --lr 0.005".Split(' '),
        ];
        JsonNode gpu = Train("cuda", options);
        JsonNode cpu = Train("cpu", options);

        Assert.That((string?)gpu["device"], Is.EqualTo("cuda:0"));
        Assert.That((long)gpu["graph_nodes"]!, Is.GreaterThan(10));
        Assert.That(gpu["eager_reason"], Is.Null);
        RequireDescribed(gpu);
        Assert.That(cpu["gpu"], Is.Null);
        RequireClose(gpu, cpu);
    }

    [Test]
    public void Training_goes_on_on_the_other_device(
        [Values] bool toGpu,
        [Values("gru", "lru")] string arch
    )
    {
        string[] options = ["train", "--arch", arch, .. $"{Tiny} --lr 0.005".Split(' ')];
        (string from, string to) = toGpu ? ("cpu", "cuda") : ("cuda", "cpu");
        string saved = PathOf("saved");
        Run([.. options, "--device", from, "--steps", "4", "--checkpoint", saved]).RequireSuccess();
        string json = PathOf("rest.json");

        ProgramResult rest = Run($"train --steps 8 --device {to} --resume", saved, "--json", json);

        rest.RequireSuccess();
        Assert.That(
            rest.Output,
            Does.Contain("goes on after step 4")
                .And.Contain($"a run on {(toGpu ? "cpu; on cuda:0" : "cuda:0; on cpu")}")
        );
        int cores = Environment.ProcessorCount;
        Assert.That((int)Read(json)["threads"]!, Is.EqualTo(toGpu ? 1 : cores), "threads");
        JsonNode whole = Train(from, [.. options, "--steps", "8"]);
        JsonArray after = [.. whole["train_loss"]!.AsArray().Skip(4).Select(p => p!.DeepClone())];
        whole["train_loss"] = after;
        RequireClose(Read(json), whole);
    }

    [Test]
    public void Resumed_on_the_same_device_the_bits_are_those_of_a_run_that_never_stopped(
        [Values("lstm", "tcn")] string arch
    )
    {
        string[] options =
        [
            "train",
            "--device",
            "cuda",
            "--arch",
            arch,
            .. $"{Tiny} --lr 0.005".Split(' '),
        ];
        (string whole, string part) = (PathOf("whole"), PathOf("part"));
        Run([.. options, "--steps", "7", "--checkpoint", whole]).RequireSuccess();
        Run([.. options, "--steps", "4", "--checkpoint", part]).RequireSuccess();
        Run("train --device cuda --steps 7 --resume", part, "--checkpoint", part).RequireSuccess();
        Assert.That(File.ReadAllBytes(part), Is.EqualTo(File.ReadAllBytes(whole)));
    }

    [Test]
    [Category("Long")]
    public void A_preset_of_pieces_is_reproduced_and_goes_on_on_the_other_device()
    {
        string songs = Songs.Write(Folder);
        string[] options =
        [
            .. "reproduce --task jsb --arch gru,lru --preset 20k --data".Split(' '),
            songs,
            "--checkpoint",
            PathOf("runs"),
            "--checkpoint-every",
            "0",
        ];
        // A budget of about no time ends each run after its first step.
        string first = PathOf("first.json");
        ProgramResult cut = Run([
            .. options,
            .. "--device cuda --budget 0.00001 --json".Split(' '),
            first,
        ]);
        cut.RequireSuccess();
        RequireDescribed(Read(first));
        Assert.That(cut.Output, Does.Contain("device cuda:0").And.Contain("cut by the budget"));
        string json = PathOf("rest.json");

        ProgramResult rest = Run([.. options, "--device", "cpu", "--json", json]);

        rest.RequireSuccess();
        Assert.That(rest.Output, Does.Contain("goes on after step"));
        foreach (JsonNode? result in Read(json)["results"]!.AsArray())
            Assert.That((bool)result!["finished"]!, Is.True);
    }

    [VirtualGpuOnly]
    [Test]
    public void A_device_that_is_not_there_is_an_error(
        [Values("bench", "train --arch gru", "reproduce --task adding --arch gru")] string verb
    ) => Run($"{verb} --device cuda:7").RequireFailure(1, "cuda:7", "no CUDA device 7", "0 (");

    [VirtualGpuOnly]
    [Test]
    public void A_kernel_that_fails_ends_the_command_and_is_named(
        [Values("bench --arch lru --steps 2 --warmup 0", "train --arch lru --steps 5")] string verb
    )
    {
        const int launchFailed = (int)CUresult.CUDA_ERROR_LAUNCH_FAILED;
        Virtual!.Refuse("cuLaunchKernel", launchFailed, after: 60, times: 1);
        string json = PathOf("out.json");
        Run($"{verb} --device cuda {Tiny} --json", json)
            .RequireFailure(1, "cuLaunchKernel", "CUDA_ERROR_LAUNCH_FAILED", "blocks of");
        JsonNode report = Read(json);
        Assert.That((string?)report["status"], Is.EqualTo("failed"));
        Assert.That((string?)report["reason"], Does.Contain("CUDA_ERROR_LAUNCH_FAILED"));
    }

    [VirtualGpuOnly]
    [Test]
    public void A_fault_that_shows_at_a_wait_is_told_with_what_it_may_be_of(
        [Values("on", "off")] string graph
    )
    {
        const int illegal = (int)CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
        var errors = new List<string>();
        // Losses that are read at each step wait twice: for the loss and for the norm.
        for (int wait = 40; wait < 42; wait++)
        {
            Virtual!.Refuse("cuStreamSynchronize", illegal, wait, times: 1);
            ProgramResult result = Run(
                $"train --arch gru --device cuda {Tiny} --steps 30 --log-every 1 --graph {graph}"
            );
            result.RequireFailure(1, "CUDA_ERROR_ILLEGAL_ADDRESS", "The context is lost");
            errors.Add(result.Error);
        }
        string first = graph == "on" ? "a graph with cudnnRNNForward, " : "cudnnRNNForward, ";
        Assert.That(errors, Has.Some.Contains("Queued since the last wait: " + first));
    }

    [VirtualGpuOnly]
    [Test]
    public void A_device_without_room_is_told_and_nothing_is_left_behind()
    {
        int failures = 0;
        for (int n = 1; ; n++)
        {
            Virtual!.FailAllocation(n);
            ProgramResult result = Run($"train --arch gru --device cuda {Tiny} --steps 2");
            if (result.ExitCode == 0)
                break;
            failures++;
            Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
            Assert.That(result.Error, Does.Not.Contain("   at ").And.Not.Contain("Exception"));
            Assert.That(
                result.Error,
                Does.Match("(bytes|out of device memory|OUT_OF_MEMORY|ALLOC_FAILED)")
            );
            Assert.That(Virtual.Leaks(), Is.Empty, $"allocation {n}");
        }
        Assert.That(failures, Is.GreaterThan(8));
    }

    [VirtualGpuOnly]
    [Test]
    public void It_is_the_gpus_memory_that_models_have_to_fit_in(
        [Values("bench", "train")] string verb
    )
    {
        ProgramResult result = Run(
            $"{verb} --arch lru --length 100000 --batch 1000 --hidden 64 --device cuda"
        );
        result.RequireMemoryTable("needs at least", "Sequor virtual GPU", "GiB free");
    }

    [Test]
    public void Doctor_tells_of_the_gpu()
    {
        ProgramResult result = Run("doctor");
        result.RequireSuccess();
        Assert.That(result.Output, Does.Match(@"(?m)^cuda +available: ").And.Match("(?m)^cuda:0 "));
    }

    private JsonNode Train(string device, string[] options)
    {
        string json = PathOf($"{device}.json");
        Run([.. options, "--device", device, "--json", json]).RequireSuccess();
        return Read(json);
    }

    // What a reader of a result has to know of where it is from.
    private void RequireDescribed(JsonNode report)
    {
        Assert.That(
            DateTimeOffset.Parse((string)report["date"]!, CultureInfo.InvariantCulture),
            Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(10))
        );
        Assert.That((string?)report["date"], Does.EndWith("Z"));
        JsonNode machine = report["machine"]!;
        Assert.That((string?)machine["sequor"], Does.Match(@"^\d+\.\d+\.\d+"));
        Assert.That(machine.AsObject().ContainsKey("commit"));
        JsonObject gpu = report["gpu"]!.AsObject();
        Assert.That(
            gpu.Select(pair => pair.Key),
            Is.EqualTo(
                "name compute_capability memory_bytes driver cuda cudnn cublas arithmetic convolution".Split(
                    ' '
                )
            )
        );
        Assert.That((string?)gpu["name"], Is.Not.Empty);
        Assert.That((string?)gpu["compute_capability"], Does.Match(@"^\d+\.\d$"));
        Assert.That((long)gpu["memory_bytes"]!, Is.Positive);
        foreach (string version in (string[])["driver", "cuda", "cudnn", "cublas"])
            Assert.That((string?)gpu[version], Does.Match(@"^\d+\.\d+"), version);
        Assert.That((string?)gpu["arithmetic"], Is.EqualTo("fp32"));
        Assert.That((string?)gpu["convolution"], Is.EqualTo("by-shape"));
        if (Virtual is not { } device)
            return;
        Assert.That((string?)gpu["name"], Is.EqualTo(device.Options.DeviceName));
        Assert.That((string?)gpu["compute_capability"], Is.EqualTo("8.6"));
        Assert.That((long)gpu["memory_bytes"]!, Is.EqualTo(device.Options.TotalMemory));
        Assert.That((string?)gpu["cuda"], Is.EqualTo("12.6"));
    }

    private static void RequireClose(JsonNode actual, JsonNode expected)
    {
        foreach (string curve in (string[])["train_loss", "held_out"])
        {
            double[] values = Flat(expected[curve]!);
            Assert.That(Flat(actual[curve]!), Is.EqualTo(values).Within(0.02).Percent, curve);
            Assert.That(values, Is.All.Positive);
        }
        Assert.That(
            (double)actual["final"]!,
            Is.EqualTo((double)expected["final"]!).Within(0.02).Percent
        );
    }

    private static double[] Flat(JsonNode pairs) =>
        [.. pairs.AsArray().SelectMany(pair => pair!.AsArray().Select(v => (double)v!))];

    private static JsonNode Read(string path) => JsonNode.Parse(File.ReadAllBytes(path))!;
}
