using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>What bench and train tell of ways of computing that were chosen, and how they are made to take others.</summary>
[TestFixture]
[VirtualGpuOnly]
public sealed class CudaChoiceCommandTests : CudaCommandFixture
{
    private const string Tiny = "--length 7 --hidden 5 --layers 2 --batch 3";

    private string Choices => PathOf("choices.jsonl");

    [SetUp]
    public void Declare() =>
        Virtual!.Effects = work =>
            work.Call.StartsWith("cudnnRNN", StringComparison.Ordinal)
                ? new() { Microseconds = work.Way == "CUDNN_RNN_ALGO_STANDARD" ? 300 : 900 }
                : null;

    [Test]
    public void What_was_measured_is_told_and_read_by_the_next_run()
    {
        foreach (string how in (string[])["measured", "file"])
        {
            JsonArray choices = Bench($"--arch gru,tcn --autotune {Choices}", out string text);
            // What the one model found is in the file before the other asks.
            string[] hows = how == "file" ? [how] : [how, "file"];
            Assert.That(
                choices.Select(c => (string?)c!["kind"]).Distinct(),
                Is.EquivalentTo((string[])["recurrent", "math", "convolution", "epilogue"])
            );
            Assert.That(
                choices.Where(c => c!["reason"] is null).Select(c => (string?)c!["how"]).Distinct(),
                Is.EquivalentTo(hows)
            );
            JsonNode gru = choices.Single(c => (string?)c!["kind"] == "recurrent")!;
            Assert.That((string?)gru["choice"], Is.EqualTo("standard"));
            Assert.That((double)gru["us"]!["standard"]!, Is.EqualTo(900).Within(3));
            Assert.That((string?)gru["refused"]!["persist"], Does.Contain("NOT_SUPPORTED"));
            Assert.That(
                text,
                Does.Contain(
                        "gru: recurrent gru input 2, hidden 5, layers 2, length 7, batch 3, training: standard, "
                            + (how == "file" ? "measured before" : "measured")
                            + " ("
                    )
                    .And.Contain("us)")
                    .And.Contain("math of ")
            );
        }
    }

    [Test]
    public void Off_measures_nothing_and_writes_nothing()
    {
        JsonArray choices = Bench("--arch gru --autotune off", out string text);
        Assert.That(choices.Select(c => (string?)c!["how"]), Is.All.EqualTo("guess"));
        Assert.That(choices.Select(c => (string?)c!["reason"]), Is.All.EqualTo("autotune is off"));
        Assert.That(text, Does.Contain("small-h, by rule (autotune is off)"));
        Assert.That(Names(), Is.EqualTo((string[])["bench.json"]));
    }

    [Test]
    public void What_is_forced_is_taken()
    {
        JsonArray choices = Bench(
            $"--arch rnn,tcn,lru --autotune {Choices} --choice recurrent=standard,convolution=cudnn,math=pedantic,epilogue=library,scan=wide",
            out string text
        );
        Assert.That(
            choices
                .Select(c => ((string?)c!["kind"], (string?)c["choice"], (string?)c["how"]))
                .Distinct(),
            Is.EquivalentTo(
                new[]
                {
                    ("recurrent", "standard", "forced"),
                    ("convolution", "cudnn", "forced"),
                    ("math", "pedantic", "forced"),
                    ("epilogue", "library", "forced"),
                    ("scan", "wide", "forced"),
                }
            )
        );
        Assert.That(text, Does.Contain("pedantic, asked for"));
        Assert.That(File.Exists(Choices), Is.False);
    }

    [Test]
    public void Training_tells_it_before_the_first_step_and_in_its_report()
    {
        string json = PathOf("train.json");
        ProgramResult result = Run(
            $"train --arch lstm --device cuda {Tiny} --steps 2 --autotune {Choices} --json",
            json
        );
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Contain(
                "recurrent lstm input 2, hidden 5, layers 2, length 7, batch 3, training: own, measured"
            )
        );
        JsonArray choices = JsonNode.Parse(File.ReadAllText(json))!["choices"]!.AsArray();
        Assert.That((string?)choices[0]!["how"], Is.EqualTo("measured"));
    }

    [Test]
    public void A_file_of_something_else_is_told_in_a_line_and_left_alone()
    {
        File.WriteAllText(Choices, "my notes\n");
        ProgramResult result = Run(
            $"bench --device cuda --arch gru {Tiny} --steps 1 --warmup 0 --autotune",
            Choices
        );
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        string[] told =
        [
            .. result
                .Error.Split('\n')
                .Where(line => line.Contains("choices.jsonl", StringComparison.Ordinal)),
        ];
        Assert.That(told, Has.Length.EqualTo(2), result.Error);
        Assert.That(told[0], Does.Contain("is not read: it does not begin with"));
        Assert.That(told[1], Does.Contain("choices are not kept"));
        Assert.That(File.ReadAllText(Choices), Is.EqualTo("my notes\n"));
    }

    [TestCase("--choice math=tf32", "--choice math=tf32 needs --math tf32")]
    [TestCase("--convolution cudnn --choice convolution=products", "one of them is enough")]
    public void What_does_not_go_together_is_refused(string options, string why)
    {
        ProgramResult result = Run($"bench --device cuda --arch tcn {Tiny} {options}");
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain(why));
    }

    [Test]
    public void The_older_option_forces_convolutions_as_before()
    {
        JsonArray choices = Bench("--arch tcn --convolution cudnn --autotune off", out _);
        Assert.That(
            choices
                .Where(c => (string?)c!["kind"] == "convolution")
                .Select(c => (string?)c!["choice"]),
            Is.All.EqualTo("cudnn").And.Not.Empty
        );
    }

    private JsonArray Bench(string options, out string text)
    {
        string json = PathOf("bench.json");
        ProgramResult result = Run(
            $"bench --device cuda {Tiny} --steps 1 --warmup 0 {options} --json",
            json
        );
        result.RequireSuccess();
        text = result.Output;
        var all = new JsonArray();
        foreach (JsonNode? r in JsonNode.Parse(File.ReadAllText(json))!["results"]!.AsArray())
        foreach (JsonNode? choice in r!["choices"]!.AsArray())
            all.Add(choice!.DeepClone());
        return all;
    }
}
