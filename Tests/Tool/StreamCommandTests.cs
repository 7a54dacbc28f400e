using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor bench --stream</c>: its table and JSON, what it counts, and what it refuses.</summary>
[TestFixture]
[NonParallelizable]
public sealed class StreamCommandTests : FolderTest
{
    private const string Few = "--steps 40 --warmup 20 --threads 1";

    [Test]
    public void Every_causal_model_has_a_result()
    {
        string[] names = [.. Architecture.Names.Where(name => name is not ("bilstm" or "dss"))];
        (ProgramResult result, JsonElement[] streams) = Bench(
            $"--arch {string.Join(',', names)} --hidden 8 --layers 2 {Few}"
        );

        Assert.That(result.Output, Does.Contain("One step of a stream").And.Contain("floor us"));
        Assert.That(streams.Select(s => s.GetProperty("arch").GetString()), Is.EqualTo(names));
        foreach (JsonElement stream in streams)
            RequireSane(stream);
    }

    [Test]
    public void The_softmax_of_a_sequence_has_no_stream_and_the_other_kernel_has() =>
        RequireSane(Bench($"--arch dss --form exp --hidden 4 {Few}").Streams.Single());

    private static void RequireSane(JsonElement s)
    {
        Assert.That(s.GetProperty("device").GetString(), Is.EqualTo("cpu"));
        Assert.That(s.GetProperty("steps").GetInt32(), Is.EqualTo(40));
        Assert.That(s.GetProperty("warmup").GetInt32(), Is.EqualTo(20));
        JsonElement step = s.GetProperty("step_us");
        double median = step.GetProperty("median").GetDouble();
        Assert.That(median, Is.Positive);
        Assert.That(step.GetProperty("p05").GetDouble(), Is.Positive.And.AtMost(median));
        Assert.That(step.GetProperty("p95").GetDouble(), Is.AtLeast(median));
        Assert.That(
            s.GetProperty("steps_per_s").GetDouble(),
            Is.EqualTo(1e6 / median).Within(1).Percent
        );
        long bytes =
            s.GetProperty("weight_bytes").GetInt64() + s.GetProperty("state_bytes").GetInt64();
        double floor = s.GetProperty("floor_us").GetDouble();
        double rate = s.GetProperty("cache_bytes_per_s").GetDouble();
        Assert.That(floor, Is.EqualTo(bytes / rate * 1e6).Within(0.0001));
        double share = s.GetProperty("floor_share").GetDouble();
        Assert.That(share, Is.EqualTo(floor / median).Within(0.0001));
        Assert.That(
            s.GetProperty("weight_bytes").GetInt64(),
            Is.EqualTo(4 * s.GetProperty("parameters").GetInt64())
        );
        Assert.That(s.GetProperty("preparations").GetInt64(), Is.Zero);
        Assert.That(s.GetProperty("native_allocations_per_step").GetDouble(), Is.Zero);
        Assert.That(s.GetProperty("managed_bytes_per_step").GetDouble(), Is.Zero);
        Assert.That(s.GetProperty("allocations_per_step").GetDouble(), Is.Zero);
    }

    // Counted by hand: h, or h and c, or of each complex state two numbers, read and written.
    [TestCase("rnn --hidden 5", 2 * 5)]
    [TestCase("lstm --hidden 5 --layers 2", 2 * 2 * 2 * 5)]
    [TestCase("gru --hidden 7", 2 * 7)]
    [TestCase("lru --hidden 6 --states 4 --layers 3", 3 * 2 * 2 * 4)]
    [TestCase("s4d --hidden 6 --states 4 --layers 1", 2 * 2 * 6 * 4)]
    // Two inputs, then six channels: eight taps read a row each, and one is written, at each of four filters.
    [TestCase("tcn --hidden 6 --layers 2", 9 * (2 + 6 + 6 + 6))]
    public void The_states_that_a_step_touches(string arch, int values)
    {
        JsonElement stream = Bench($"--arch {arch} {Few}").Streams.Single();

        Assert.That(stream.GetProperty("state_bytes").GetInt64(), Is.EqualTo(4 * values));
    }

    [Test]
    public void A_step_reads_one_row_of_an_embedding()
    {
        JsonElement stream = Bench($"--arch gru --task listops --hidden 6 {Few}").Streams.Single();

        long unread = 4 * (ListOps.Tokens - 1) * 6;
        Assert.That(
            stream.GetProperty("weight_bytes").GetInt64(),
            Is.EqualTo(4 * stream.GetProperty("parameters").GetInt64() - unread)
        );
    }

    [Test]
    public void Nothing_is_measured_but_the_stream()
    {
        using JsonDocument report = Report($"--arch rnn --hidden 4 --batch 1 {Few}").Document;

        Assert.That(report.RootElement.GetProperty("status").GetString(), Is.EqualTo("finished"));
        Assert.That(report.RootElement.GetProperty("results").GetArrayLength(), Is.Zero);
        Assert.That(report.RootElement.TryGetProperty("peaks", out _), Is.False);
        Assert.That(report.RootElement.GetProperty("steps").GetInt32(), Is.EqualTo(40));
    }

    private static IEnumerable<TestCaseData> Refused()
    {
        yield return Case("--batch 2", "--batch 2", "one sequence");
        yield return Case("--sweep 4,8", "--sweep", "a stream has none");
        yield return Case("--length 9", "--length", "no end");
        yield return Case("--rounds 2", "--rounds", "training steps");
        yield return Case("--paired x", "--paired", "training steps");
        yield return Case("--profiler-range", "--profiler-range", "a CPU");
        yield return Case("--html x.html", "--html", "--json");
        yield return Case("--history x.jsonl", "--history", "training steps");
        yield return Case("--arch bilstm", "--arch", "bilstm", "reverse direction");
        yield return Case(
            "--arch lru --bidirectional",
            "--bidirectional",
            "lru",
            "reverse direction"
        );
        yield return Case("--arch dss", "--arch", "dss", "a stream has no length");
    }

    private static TestCaseData Case(string line, params string[] says) =>
        new TestCaseData(line, says).SetArgDisplayNames(line);

    [TestCaseSource(nameof(Refused))]
    public void What_makes_no_sense_is_refused_with_words(string line, string[] says)
    {
        ProgramResult result = InProcess.Run($"bench --stream {line}");

        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        foreach (string word in says)
            Assert.That(result.Error, Does.Contain(word));
        Assert.That(result.Error, Does.Contain("--stream"));
    }

    private (ProgramResult Result, JsonElement[] Streams) Bench(string line)
    {
        (ProgramResult result, JsonDocument document) = Report(line);
        using (document)
            return (
                result,
                [
                    .. document
                        .RootElement.GetProperty("stream")
                        .EnumerateArray()
                        .Select(s => s.Clone()),
                ]
            );
    }

    private (ProgramResult Result, JsonDocument Document) Report(string line)
    {
        string json = PathOf("stream.json");
        ProgramResult result = InProcess.Run($"bench --stream {line}", "--json", json);
        result.RequireSuccess();
        return (result, JsonDocument.Parse(File.ReadAllBytes(json)));
    }
}
