using System.Text.Json;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor bench</c>: its table and JSON report, its options, and what a signal leaves of a measurement.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class BenchCommandTests : FolderTest
{
    private static readonly string[] Categories =
    [
        "parameters",
        "gradients",
        "optimizer",
        "activations",
        "workspace",
        "io",
    ];

    [Test]
    public void Bench_writes_a_table_and_all_that_the_schema_asks_for()
    {
        string json = PathOf("bench.json");
        File.WriteAllText(json, "old");
        ProgramResult result = Program.Run([
            "bench",
            .. "--length 40 --batch 4 --params 20000 --steps 4 --warmup 1 --threads 2".Split(' '),
            "--json",
            json,
        ]);
        result.RequireSuccess();
        Assert.That(Names(), Is.EqualTo(new[] { "bench.json" }));
        Assert.That(result.Output, Does.Contain("One training step").And.Contain("Memory"));
        Assert.That(result.Output, Does.Contain("The TCN can look back 3571 steps"));
        Assert.That(result.Output, Does.Contain("What a step moves and computes"));
        Assert.That(result.Output, Does.Contain("At most, measured in this run: copy "));
        string[] lines = result.Output.Split('\n');
        int floors = Array.IndexOf(
            lines,
            "Forward and backward pass, and the least that they take"
        );
        Assert.That(floors, Is.Positive);
        Assert.That(
            lines[(floors + 1)..(floors + 7)].Select(line => line.Split(' ')[0]),
            Is.EqualTo(Architecture.Compared.Select(a => a.Name).Prepend("arch"))
        );
        Assert.That(lines[(floors + 1)..(floors + 7)], Has.All.Length.AtMost(100));

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement report = document.RootElement;
        Assert.That(report.GetProperty("schema").GetString(), Is.EqualTo("sequor.bench/1"));
        Assert.That(report.GetProperty("threads").GetInt32(), Is.EqualTo(2));
        JsonElement peaks = report.GetProperty("peaks");
        Assert.That(peaks.GetProperty("copy_bytes_per_s").GetDouble(), Is.Positive);
        Assert.That(peaks.GetProperty("product_flops_per_s").GetDouble(), Is.Positive);
        Assert.That(peaks.GetProperty("multiply_add_flops_per_s").GetDouble(), Is.Positive);
        Assert.That(report.GetProperty("machine").GetProperty("cores").GetInt32(), Is.Positive);
        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        Assert.That(
            results.Select(r => r.GetProperty("arch").GetString()),
            Is.EqualTo(Architecture.Compared.Select(a => a.Name))
        );
        foreach (JsonElement r in results)
        {
            Assert.That(result.Output, Does.Contain($"\n{r.GetProperty("arch").GetString(), -4}"));
            RequireSane(r);
        }
    }

    private static void RequireSane(JsonElement r)
    {
        Assert.That(r.GetProperty("device").GetString(), Is.EqualTo("cpu"));
        Assert.That(r.GetProperty("length").GetInt32(), Is.EqualTo(40));
        Assert.That(r.GetProperty("batch").GetInt32(), Is.EqualTo(4));
        Assert.That(r.GetProperty("bytes_moved").GetInt64(), Is.Positive);
        Assert.That(r.GetProperty("bytes_unknown").GetInt32(), Is.Zero);
        Assert.That(r.GetProperty("flops").GetInt64(), Is.Positive);
        Assert.That(r.GetProperty("floor_ms").GetDouble(), Is.Positive);
        JsonElement[] parts =
        [
            .. ((string[])["forward", "backward", "optimizer"]).Select(part =>
                r.GetProperty("work").GetProperty(part)
            ),
        ];
        foreach (string key in (string[])["bytes_moved", "flops"])
            Assert.That(
                parts.Sum(part => part.GetProperty(key).GetInt64()),
                Is.EqualTo(r.GetProperty(key).GetInt64())
            );
        Assert.That(
            parts.Sum(part => part.GetProperty("floor_ms").GetDouble()),
            Is.EqualTo(r.GetProperty("floor_ms").GetDouble()).Within(0.0003),
            "each is rounded to the tenth of a microsecond"
        );
        Assert.That(r.TryGetProperty("launches", out _), Is.False, "a CPU launches nothing");
        Assert.That(r.GetProperty("hidden").GetInt32(), Is.Positive);
        Assert.That(r.GetProperty("layers").GetInt32(), Is.Positive);
        Assert.That(r.GetProperty("parameters").GetInt64(), Is.InRange(19_000, 21_000));

        double[] samples =
        [
            .. r.GetProperty("samples_ms").EnumerateArray().Select(s => s.GetDouble()),
        ];
        Assert.That(samples, Has.Length.EqualTo(4).And.All.Positive);
        JsonElement step = r.GetProperty("step_ms");
        double median = step.GetProperty("median").GetDouble();
        Assert.That(step.GetProperty("p05").GetDouble(), Is.InRange(samples.Min(), median));
        Assert.That(step.GetProperty("p95").GetDouble(), Is.InRange(median, samples.Max()));
        foreach (string part in (string[])["forward_ms", "backward_ms", "optimizer_ms"])
            Assert.That(r.GetProperty(part).GetDouble(), Is.Positive.And.LessThan(samples.Max()));
        Assert.That(
            r.GetProperty("tokens_per_s").GetDouble(),
            Is.EqualTo(40 * 4 / (median / 1000)).Within(1).Percent
        );

        long peak = r.GetProperty("peak_bytes").GetInt64();
        JsonElement memory = r.GetProperty("memory_bytes");
        Assert.That(Categories.Sum(c => memory.GetProperty(c).GetInt64()), Is.EqualTo(peak));
        Assert.That(Categories.Select(c => memory.GetProperty(c).GetInt64()), Is.All.Positive);
        Assert.That(r.GetProperty("floor_bytes").GetInt64(), Is.InRange(1, peak));
        Assert.That(r.GetProperty("allocations_per_step").GetDouble(), Is.Zero);
    }

    [Test]
    public void Bench_measures_what_it_is_asked_for()
    {
        string json = PathOf("bench.json");
        Program
            .Run([
                "bench",
                .. "--arch lru,gru --task copy --length 10 --batch 2 --hidden 6".Split(' '),
                .. "--layers 2 --steps 2 --warmup 0 --threads 1 --seed 5 --device cpu".Split(' '),
                "--json",
                json,
            ])
            .RequireSuccess();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement[] results = [.. document.RootElement.GetProperty("results").EnumerateArray()];
        Assert.That(
            results.Select(r => r.GetProperty("arch").GetString()),
            Is.EqualTo(new[] { "lru", "gru" })
        );
        foreach (JsonElement r in results)
        {
            Assert.That(r.GetProperty("hidden").GetInt32(), Is.EqualTo(6));
            Assert.That(r.GetProperty("layers").GetInt32(), Is.EqualTo(2));
            Assert.That(r.GetProperty("length").GetInt32(), Is.EqualTo(10));
            Assert.That(r.GetProperty("sequence_length").GetInt32(), Is.EqualTo(30));
            Assert.That(r.GetProperty("samples_ms").GetArrayLength(), Is.EqualTo(2));
        }
        Assert.That(document.RootElement.GetProperty("task").GetString(), Is.EqualTo("copy"));
        Assert.That(document.RootElement.GetProperty("seed").GetInt32(), Is.EqualTo(5));
    }

    [Test]
    public void Rounds_are_processes_and_each_has_its_median()
    {
        string json = PathOf("bench.json");
        ProgramResult result = Program.Run([
            "bench",
            .. "--arch gru,rnn --length 10 --batch 2 --hidden 6 --steps 3 --warmup 1".Split(' '),
            .. "--threads 1 --rounds 2 --json".Split(' '),
            json,
        ]);
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("by rounds").And.Contain("2 rounds"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement[] results = [.. document.RootElement.GetProperty("results").EnumerateArray()];
        Assert.That(
            results.Select(r => r.GetProperty("arch").GetString()),
            Is.EqualTo(new[] { "gru", "rnn" })
        );
        foreach (JsonElement r in results)
        {
            double[] samples =
            [
                .. r.GetProperty("samples_ms").EnumerateArray().Select(s => s.GetDouble()),
            ];
            double[] rounds =
            [
                .. r.GetProperty("rounds_ms").EnumerateArray().Select(s => s.GetDouble()),
            ];
            Assert.That(samples, Has.Length.EqualTo(6));
            Assert.That(
                rounds,
                Is.EqualTo(
                        new[] { Statistics.Median(samples[..3]), Statistics.Median(samples[3..]) }
                    )
                    .Within(1e-4)
            );
            Assert.That(
                r.GetProperty("step_ms").GetProperty("median").GetDouble(),
                Is.EqualTo(Statistics.Median(rounds)).Within(1e-4)
            );
        }
        Assert.That(document.RootElement.GetProperty("steps").GetInt32(), Is.EqualTo(3));
    }

    // As the first process of a container it would not get a signal that it does not ask for.
    [Test]
    [Platform(Exclude = "Win", Reason = "no signals to send")]
    public void A_signal_ends_a_measurement_with_what_there_is()
    {
        (string Signal, int Code)[] signals = [("INT", 130), ("TERM", 143), ("HUP", 129)];
        bool container = OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess;
        if (!container)
            TestContext.Out.WriteLine("Only root makes the first process of a namespace.");
        // All at a time, as each takes the time that it is left to measure.
        Parallel.ForEach(
            signals
                .SelectMany(s => new[] { (s, false), (s, true) })
                .Where(s => container || !s.Item2),
            new ParallelOptions { MaxDegreeOfParallelism = 6 },
            each => RequirePartial(each.s.Signal, each.s.Code, each.Item2)
        );
    }

    private void RequirePartial(string signal, int code, bool first)
    {
        string folder = Directory.CreateDirectory(PathOf($"{signal}-{first}")).FullName;
        string run = first ? "unshare --pid --fork --kill-child --mount-proc" : "";
        // Of a first process the child is the one to be asked. What is printed at the beginning says that it can be; with
        // job control bash lets what runs in the background have Ctrl-C.
        Program.RunScript(
            folder,
            $"""
            set -m
            echo old >b.json; echo old >b.html
            {run} "$sequor" bench --length 5 --batch 2 --params 20000 --steps 20000 --warmup 1 --threads 1 --json b.json --html b.html >out 2>err &
            until [ -s out ]; do sleep 0.05; done
            asked=$!; {(first ? "read -r asked rest </proc/$!/task/$!/children" : "")}
            sleep 1; kill -s {signal} $asked; wait $!; echo $? >code
            """
        );
        Assert.That(Text("code").Trim(), Is.EqualTo($"{code}"), Text("err"));
        Assert.That(Text("err"), Is.Empty);
        using JsonDocument document = JsonDocument.Parse(Text("b.json"));
        JsonElement report = document.RootElement;
        Assert.That(report.GetProperty("status").GetString(), Is.EqualTo("interrupted"));
        Assert.That(report.GetProperty("steps").GetInt32(), Is.LessThan(20_000));
        // On a busy machine there may have been no time for a step.
        int models = report.GetProperty("results").GetArrayLength();
        string reason = report.GetProperty("reason").GetString()!;
        Assert.That(
            reason,
            Does.StartWith(
                models == 0
                    ? "Interrupted before a step was measured"
                    : $"Interrupted: these results are partial, of {models} of 5 models"
            )
        );
        Assert.That(Text("out").TrimEnd().Split('\n')[^1], Is.EqualTo(reason));
        Assert.That(Text("out").Contains("One training step"), Is.EqualTo(models > 0));
        Assert.That(Text("b.html"), Does.Contain("Not finished: interrupted").And.Contain(reason));

        string Text(string name) => File.ReadAllText(Path.Combine(folder, name));
    }
}
