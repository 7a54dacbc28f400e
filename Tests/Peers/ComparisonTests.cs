using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Sequor.Tests.Peers;

/// <summary>compare.py with stand-ins for Sequor and for peers: who runs when, what is told, and what comes of it.</summary>
[TestFixture]
[Platform(Exclude = "Win", Reason = "Sequor's stand-in is a shell's script")]
internal sealed partial class ComparisonTests : PeersFixture
{
    [Test]
    public void Programs_take_turns_and_ratios_are_of_medians()
    {
        Times("sequor", 4, 2, 3);
        Times("torchsharp", 8, 2, 10);

        JsonElement document = Compare(
            "--peers torchsharp --arch lstm --shapes 50x32 --hidden 1024 --layers 2 --rounds 3 --threads 2 --steps 4 --warmup 1"
        );

        const string Sizes = "--threads 2";
        string[] turn =
        [
            $"sequor bench --arch lstm --device cpu {Sizes} --json F --hidden 1024 --layers 2 --length 50 --batch 32 --warmup 1 --steps 4",
            $"torchsharp --arch lstm --hidden 8 --layers 2 {Sizes} --length 50 --batch 32 --steps 4 --warmup 1",
        ];
        Assert.That(Log(), Is.EqualTo(new[] { turn, turn, turn }.SelectMany(line => line)));
        JsonElement result = document.GetProperty("results").EnumerateArray().Single();
        Assert.That(result.GetProperty("measure").GetString(), Is.EqualTo("training"));
        Assert.That(result.GetProperty("peer").GetString(), Is.EqualTo("torchsharp"));
        Assert.That(result.GetProperty("sequor_ms").GetDouble(), Is.EqualTo(3));
        Assert.That(result.GetProperty("torchsharp_ms").GetDouble(), Is.EqualTo(8));
        Assert.That(result.GetProperty("ratio").GetDouble(), Is.EqualTo(0.375));
        Assert.That(
            result.GetProperty("round_ratios").EnumerateArray().Select(r => r.GetDouble()),
            Is.EqualTo(new[] { 0.5, 1, 0.3 })
        );
        Assert.That(result.GetProperty("torchsharp").GetString(), Is.EqualTo("1.2"));
        Assert.That(result.GetProperty("rounds").GetArrayLength(), Is.EqualTo(3));
        Assert.That(document.TryGetProperty("missing", out _), Is.False);
    }

    [Test]
    public void A_forward_pass_is_that_of_the_step_and_a_stream_has_no_shape()
    {
        Times("sequor", 8);
        Times("onnx", 4);

        JsonElement document = Compare(
            "--peers onnx --arch lstm --shapes 5x3,6x2 --rounds 1 --stream-steps 40 --threads 1"
        );

        JsonElement[] results = [.. document.GetProperty("results").EnumerateArray()];
        Assert.That(
            results.Select(r =>
                $"{r.GetProperty("measure").GetString()} {r.GetProperty("length")}x{r.GetProperty("batch")} {r.GetProperty("ratio")}"
            ),
            // The stand-in's forward pass is a quarter of its step.
            Is.EqualTo(new[] { "inference 5x3 0.5", "inference 6x2 0.5", "stream 1x1 2.0" })
        );
        Assert.That(results[2].GetProperty("rounds")[0].TryGetProperty("stream", out _), Is.True);
        Assert.That(
            Log()[^2..],
            Is.EqualTo(
                new[]
                {
                    "sequor bench --arch lstm --device cpu --threads 1 --json F --params 70000 --stream --steps 40 --warmup 4",
                    "onnx --arch lstm --hidden 8 --layers 2 --threads 1 --steps 40 --warmup 4 --measure stream",
                }
            )
        );
    }

    [Test]
    public void Language_models_have_drawn_texts_of_as_many_words_here_and_as_many_classes_there()
    {
        Times("sequor", 2);
        Times("torchsharp", 8);
        JsonElement document = Compare(
            "--peers torchsharp --arch lstm --vocabulary 60 --shapes 5x4 --rounds 1 --threads 2 --steps 7 --warmup 3"
        );
        Assert.That(
            Log(),
            Is.EqualTo([
                "sequor bench --arch lstm --device cpu --threads 2 --json F --params 70000 --length 5 --batch 4 --warmup 3 --steps 7 --task wordlm --data 60 words",
                "torchsharp --arch lstm --hidden 8 --layers 2 --threads 2 --length 5 --batch 4 --steps 7 --warmup 3 --classes 60",
            ])
        );
        JsonElement result = document.GetProperty("results")[0];
        Assert.That(result.GetProperty("vocabulary").GetInt32(), Is.EqualTo(60));
        Assert.That(result.GetProperty("ratio").GetDouble(), Is.EqualTo(0.25));
    }

    [Test]
    public void A_peer_that_does_not_load_is_told_in_a_line_and_the_others_are_measured()
    {
        Times("sequor", 1);
        Times("onnx", 2);
        (int code, _, string error) = Run(
            $"--peers onnx,torchsharp --arch lstm --shapes 5x3 --rounds 1 --json {PathOf("all.json")}",
            missing: "torchsharp"
        );

        Assert.That(code, Is.EqualTo(1));
        const string Reason = "libstdc++.so.6: version `GLIBCXX_3.4.32' not found";
        Assert.That(error, Is.EqualTo($"compare.py: torchsharp: {Reason}\n"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf("all.json")));
        JsonElement missing = document.RootElement.GetProperty("missing").EnumerateArray().Single();
        Assert.That(missing.GetProperty("peer").GetString(), Is.EqualTo("torchsharp"));
        Assert.That(missing.GetProperty("reason").GetString(), Is.EqualTo(Reason));
        Assert.That(document.RootElement.GetProperty("results").GetArrayLength(), Is.EqualTo(2));
    }

    [Test]
    public void A_peer_that_has_none_of_the_architectures_is_told_and_the_others_are_measured()
    {
        Times("sequor", 1);
        Times("torchsharp", 2);
        File.WriteAllText(PathOf("torchsharp.list"), "rnn\nlru");
        (int code, _, string error) = Run(
            $"--peers onnx,torchsharp --arch lru --shapes 5x3 --rounds 1 --json {PathOf("all.json")}"
        );

        Assert.That(code, Is.EqualTo(1));
        const string Reason = "has none of what --arch says; it has rnn, lstm";
        Assert.That(error, Is.EqualTo($"compare.py: onnx: {Reason}\n"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf("all.json")));
        JsonElement missing = document.RootElement.GetProperty("missing").EnumerateArray().Single();
        Assert.That(missing.GetProperty("peer").GetString(), Is.EqualTo("onnx"));
        Assert.That(missing.GetProperty("reason").GetString(), Is.EqualTo(Reason));
        Assert.That(document.RootElement.GetProperty("results").GetArrayLength(), Is.EqualTo(1));
    }

    [TestCase("torch", "no PyTorch in no-such-python; --python says where one is")]
    [TestCase("jax", "no JAX in no-such-python; --python says where one is")]
    [TestCase("torchsharp", "no-such-program cannot be started: No such file or directory")]
    public void Where_no_peer_runs_nothing_is_measured(string peer, string reason)
    {
        (int code, string output, string error) = Run(
            $"--peers {peer} --python no-such-python --torchsharp no-such-program"
        );
        Assert.That(code, Is.EqualTo(1));
        Assert.That(error, Is.EqualTo($"compare.py: {peer}: {reason}\n"));
        Assert.That(output, Is.Empty);
        Assert.That(Log(), Is.Empty);
    }

    [Test]
    public void A_GPU_is_no_place_for_a_peer_of_the_CPU()
    {
        (int code, _, string error) = Run("--peers onnx --device cuda");
        Assert.That(code, Is.EqualTo(1));
        Assert.That(
            error,
            Is.EqualTo("compare.py: onnx: is measured on the CPU alone, and --device is cuda\n")
        );
    }

    [Test]
    public void Models_of_other_sizes_are_not_compared()
    {
        Times("sequor", 1);
        Times("torchsharp", 1);
        File.WriteAllText(PathOf("torchsharp.parameters"), "1051");
        (int code, _, string error) = Run(
            $"--peers torchsharp --arch lstm --shapes 5x3 --json {PathOf("none.json")}"
        );
        Assert.That(code, Is.EqualTo(1));
        Assert.That(
            error,
            Is.EqualTo(
                "compare.py: lstm has 1000 parameters here and 1051 in torchsharp: other models are not compared\n"
            )
        );
        Assert.That(File.Exists(PathOf("none.json")), Is.False);
    }

    [Test]
    public void What_a_program_says_when_it_fails_is_told()
    {
        Times("sequor", 1);
        (int code, _, string error) = Run("--peers torchsharp --arch lstm --shapes 5x3");
        Assert.That(code, Is.EqualTo(1));
        Assert.That(error, Does.Contain("ended with 1:").And.Contain("torchsharp.times"));
    }

    [Test]
    public void What_was_measured_before_a_failure_is_kept()
    {
        Times("sequor", 1);
        Times("torchsharp", 2);
        File.WriteAllText(PathOf("fails"), "rnn");
        (int code, string output, string error) = Run(
            $"--peers torchsharp --arch lstm,rnn --shapes 5x3 --json {PathOf("some.json")} --html {PathOf("some.html")}"
        );
        Assert.That(code, Is.EqualTo(1));
        Assert.That(error, Does.Contain("sequor: no luck"));
        Assert.That(output, Does.Contain("0.50  ####"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf("some.json")));
        Assert.That(
            document.RootElement.GetProperty("reason").GetString(),
            Does.Contain("no luck")
        );
        JsonElement result = document.RootElement.GetProperty("results").EnumerateArray().Single();
        Assert.That(result.GetProperty("arch").GetString(), Is.EqualTo("lstm"));
        Assert.That(File.ReadAllText(PathOf("some.html")), Does.Contain("no luck"));
    }

    [TestCase(
        "--peers torch,keras",
        "--peers: unknown 'keras'; allowed: torch, torchsharp, onnx, jax"
    )]
    [TestCase("--shapes 600", "--shapes: a shape is LENGTHxBATCH, as in 600x32, not '600'")]
    [TestCase("--shapes 0x3", "not '0x3'")]
    [TestCase("--peers onnx --arch lru", "--arch: unknown 'lru'; allowed: rnn, lstm")]
    [TestCase(
        "--peers onnx --vocabulary 50",
        "--vocabulary: onnx has no models of words; those that have: torch, torchsharp"
    )]
    [TestCase(
        "--peers torch,onnx,jax --vocabulary 50",
        "--vocabulary: onnx, jax have no models of words; those that have: torch, torchsharp"
    )]
    [TestCase(
        "--peers torchsharp --vocabulary 50 --arch tcn",
        "--arch: unknown 'tcn'; allowed: rnn, lstm, gru"
    )]
    [TestCase(
        "--vocabulary 1",
        "argument --vocabulary: must be a whole number of 2 or more, not '1'"
    )]
    [TestCase("--rounds 0", "argument --rounds: must be a whole number of 1 or more, not '0'")]
    [TestCase(
        "--threads two",
        "argument --threads: must be a whole number of 1 or more, not 'two'"
    )]
    [TestCase("--hidden 8 --params 9", "not allowed with argument")]
    [TestCase("--json none/here.json", "--json: there is no folder for 'none/here.json'")]
    [TestCase("--html none/here.html", "--html: there is no folder for 'none/here.html'")]
    [TestCase("--wrong", "unrecognized arguments: --wrong")]
    public void A_wrong_command_line_is_told_with_what_is_allowed(string words, string message)
    {
        (int code, string output, string error) = Run(words);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain(message));
        Assert.That(output, Is.Empty);
        Assert.That(Log(), Is.Empty);
    }

    [Test]
    public void The_ratios_are_drawn_as_text_and_on_a_page_that_loads_nothing()
    {
        Times("sequor", 1);
        Times("onnx", 2);
        (int code, string output, _) = Run(
            $"--peers onnx --arch lstm --shapes 5x3 --rounds 1 --html {PathOf("page.html")}"
        );
        Assert.That(code, Is.Zero);
        string[] bars = [.. output.Split('\n').Where(line => line.Contains('#'))];
        // Of a step the forward pass is a quarter: an eighth of the peer's time, of 32 places to the line.
        Assert.That(bars[0], Does.EndWith($"0.12  {new string('#', 4)}{new string(' ', 28)}|"));
        Assert.That(bars[1], Does.EndWith($"0.50  {new string('#', 16)}{new string(' ', 16)}|"));
        string page = File.ReadAllText(PathOf("page.html"));
        Assert.That(Bars().Count(page), Is.EqualTo(2));
        Assert.That(page, Does.Contain("onnx 1.2").And.Not.Contain("://").And.Not.Contain("src="));
    }

    [GeneratedRegex("<rect class=\"faster\"")]
    private static partial Regex Bars();
}
