using NUnit.Framework;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>The command line as a whole: wrong usage, exit codes, versions and help.</summary>
[TestFixture]
[NonParallelizable]
public sealed class UsageTests
{
    private static IEnumerable<TestCaseData> WrongUsage()
    {
        yield return Case("", "no command", "bench", "train", "doctor");
        yield return Case("benhc", "'benhc'", "did you mean 'bench'", "train");
        yield return Case("--versoin", "'--versoin'", "did you mean '--version'");
        yield return Case("bench --lenght 5", "'--lenght'", "did you mean '--length'", "--batch");
        yield return Case("doctor --steps 5", "'--steps'", "--json");
        yield return Case("bench extra", "'extra'");
        yield return Case("bench -- extra", "'extra'");
        yield return Case("bench -- --lenght 5", "'--lenght'", "did you mean '--length'");
        yield return Case("bench --batch 2 -- --arch rnn", "unexpected '--'", "bench without it");
        yield return Case("bench --length", "--length needs a value");
        yield return Case("bench --length 5 --length 6", "--length", "more than once");
        yield return Case("bench --arch lsmt", "'lsmt'", string.Join(", ", Architecture.Names));
        yield return Case("bench --arch lstm,", "'lstm,'", "rnn, lstm");
        yield return Case("bench --arch lstm --arch gru", "--arch", "more than once");
        yield return Case(
            "bench --task sorting",
            "'sorting'",
            string.Join(", ", Sequor.Workloads.Tasks.Names)
        );
        yield return Case("bench --length 0", "--length", "from 1 to", "'0'");
        yield return Case("bench --length -5", "--length", "'-5'");
        yield return Case("bench --length 1", "--length", "at least 2", "adding");
        yield return Case("bench --length 1e3", "--length", "'1e3'");
        yield return Case("bench --length 99999999999999999999", "--length", "from 1 to");
        yield return Case("bench --batch 0", "--batch", "from 1 to");
        yield return Case("bench --batch NaN", "--batch", "'NaN'");
        yield return Case("bench --params 0", "--params", "from 1 to");
        yield return Case("bench --params 30", "no width comes within 5% of 30", "width");
        yield return Case("bench --params 50 --hidden 3", "--hidden", "--params");
        yield return Case("bench --layers 0", "--layers", "from 1 to");
        yield return Case("bench --arch tcn --layers 30", "--layers", "1 to 24", "tcn", "30");
        yield return Case("bench --hidden -1", "--hidden", "'-1'");
        yield return Case("train --arch lstm --hidden 1000000", "--hidden", "lstm", "values");
        yield return Case("bench --threads 0", "--threads", "from 1 to");
        yield return Case("bench --threads 5000", "--threads", "1024");
        yield return Case("bench --steps 0", "--steps", "from 1 to");
        yield return Case("bench --warmup -1", "--warmup", "from 0 to");
        yield return Case("bench --seed -1", "--seed", "from 0 to");
        yield return Case("bench --device gpu", "'gpu'", "auto, cpu, cuda or cuda:N");
        yield return Case("bench --math tf32 --device cpu", "--math tf32", "for a GPU", "cpu");
        yield return Case("train --arch rnn --graph off --device cpu", "--graph off", "for a GPU");
        yield return Case(
            "bench --upload-stream off --device cpu",
            "--upload-stream off",
            "for a GPU"
        );
        yield return Case("bench --convolution cudnn --device cpu", "--convolution cudnn", "a GPU");
        yield return Case("bench --choice scan=wide --device cpu", "--choice", "for a GPU");
        yield return Case(
            "train --arch rnn --autotune off --device cpu",
            "--autotune off",
            "for a GPU"
        );
        yield return Case(
            "bench --choice convolution=own",
            "no own kernels of convolution",
            "products, cudnn"
        );
        yield return Case("bench --choice recurrent=smallh", "small-h");
        yield return Case("bench --choice recurent=standard", "recurrent");
        yield return Case("bench --choice standard", "KIND=WAY");
        yield return Case("bench --choice math=default,math=pedantic", "math once");
        yield return Case("bench --graph maybe", "'maybe'", "on, off");
        yield return Case("bench --upload-stream no", "'no'", "on, off");
        yield return Case("bench --device cuda:x", "'cuda:x'", "cuda:N");
        yield return Case("bench --sweep", "--sweep needs a value");
        yield return Case("bench --sweep 128", "--sweep", "two or more", "ascending", "'128'");
        yield return Case("bench --sweep 128,64", "--sweep", "ascending", "'128,64'");
        yield return Case("bench --sweep 64,64", "--sweep", "different", "'64,64'");
        yield return Case("bench --sweep 0,64", "--sweep", "from 1 to", "'0,64'");
        yield return Case("bench --sweep 64,-128", "--sweep", "from 1 to");
        yield return Case("bench --sweep 64,1e3", "--sweep", "whole numbers");
        yield return Case("bench --sweep 64,128,", "--sweep", "separated by commas");
        yield return Case("bench --sweep 64,99999999999", "--sweep", "to 100000000");
        yield return Case("bench --sweep 1,64", "--sweep", "at least 2", "adding");
        yield return Case("bench --sweep 8,16 --length 9", "--sweep", "--length", "one of them");
        yield return Case("profile --steps 0", "--steps", "from 1 to");
        yield return Case("profile --arch lsmt", "'lsmt'", string.Join(", ", Architecture.Names));
        yield return Case("profile --sweep 4,8", "unknown option '--sweep'", "--trace");
        yield return Case("profile --trace", "--trace needs a value");
        yield return Case("profile --trace o --html o", "--html", "must be different files");
        yield return Case("profile --graph off --device cpu", "--graph off", "for a GPU");
        yield return Case("train", "--arch is needed", string.Join(", ", Architecture.Names));
        yield return Case("train --arch rnn,lstm", "'rnn,lstm'", "one of");
        yield return Case("train --arch rnn --lr nan", "--lr", "finite", "'nan'");
        yield return Case("train --arch rnn --lr inf", "--lr", "finite", "'inf'");
        yield return Case("train --arch rnn --lr 1e99", "--lr", "finite");
        yield return Case("train --arch rnn --lr -1", "--lr", "above 0");
        yield return Case("train --arch rnn --clip 0", "--clip", "above 0", "none");
        yield return Case(
            "train --arch rnn --optimizer adan",
            "'adan'",
            string.Join(", ", Sequor.Workloads.Optimizers.Names)
        );
        yield return Case("train --arch rnn --steps 0", "--steps", "from 1 to");
        yield return Case("train --arch rnn --eval-every 0", "--eval-every", "from 1 to");
        yield return Case("train --arch rnn --checkpoint-every 9", "--checkpoint FILE");
        yield return Case("train --arch rnn --keep 2", "--keep", "--checkpoint FILE");
        yield return Case("train --arch rnn --checkpoint x --keep 101", "--keep", "from 0 to 100");
        yield return Case("train --arch rnn --checkpoint /dev/null", "/dev/null", "--checkpoint");
        yield return Case("bench --arch gru --form x", "--form: gru has no forms");
        yield return Case("bench --arch gru,lru --bidirectional", "--bidirectional: gru", "lru");
        yield return Case("profile --arch tcn --states 3", "--states: tcn has no states", "lru");
        yield return Case("train --arch lru --states 0", "--states", "from 1 to");
        // Of several things that a model has not, the first is told by its own name.
        yield return Case(
            "bench --arch rnn --form x --bidirectional --states 3",
            "--form: rnn has no forms"
        );
        yield return Case(
            "bench --arch rnn --bidirectional --states 3",
            "--bidirectional: rnn cannot"
        );
        foreach (string of in (string[])["minutes 1", "order-seed 1", "force", "strict", "bisect"])
        {
            yield return Case($"bench --{of}", $"--{of.Split(' ')[0]} needs --paired OTHER");
            yield return Case(
                $"bench --stream --{of}",
                $"--{of.Split(' ')[0]} needs --paired OTHER"
            );
        }
        foreach (
            string of in (string[])
                ["steps 3", "warmup 3", "sweep 3,4", "rounds 3", "profiler-range", "html x.html"]
        )
            yield return Case(
                $"bench --paired x --{of}",
                $"--{of.Split(' ')[0]} makes no sense with --paired"
            );
        yield return Case("bench --task listops --length 7", "--length", "8 to 10000", "not 7");
        yield return Case(
            "train --arch gru --task listops --length 1000000",
            "--length must be 8 to 10000 for the task listops, not 1000000"
        );
        yield return Case("bench --task listops --sweep 100,20000", "--sweep", "8 to 10000");
        yield return Case("train --arch tcn --context 3", "--context", "charlm, wordlm");
        yield return Case("train --arch tcn --context -3", "--context", "from 0 to", "'-3'");
    }

    private static TestCaseData Case(string arguments, params string[] words) =>
        new TestCaseData(arguments, words).SetArgDisplayNames(arguments);

    [TestCaseSource(nameof(WrongUsage))]
    public void Wrong_usage_is_told_in_a_line(string arguments, string[] words)
    {
        ProgramResult result = InProcess.Run(
            arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        );
        result.RequireFailure(2, words);
        Assert.That(result.Output, Is.Empty);
    }

    [TestCase("--form must be one of s5: zoh", "bench", "--arch", "s4d", "--form", "")]
    [TestCase("--autotune must be on, off or", "bench", "--autotune", " ")]
    [TestCase("--data must be the name of a file", "bench", "--data", "")]
    [TestCase("--total-budget must be a time such as", "reproduce", "--total-budget", "")]
    [TestCase("the name of a file must not be empty", "page", "", "--html", "-")]
    [TestCase("the name of a file must not be empty", "history", "")]
    [TestCase("BASE: the name of a file must not be empty", "compare", "", "x")]
    public void An_empty_word_is_told_with_what_must_stand_there(
        string message,
        params string[] words
    ) => InProcess.Run(words).RequireFailure(2, message);

    [TestCase("")]
    [TestCase("benhc")]
    [TestCase("bench --length 0")]
    [TestCase("train --arch rnn --checkpoint /dev/null")]
    public void The_program_ends_as_the_command_does(string arguments)
    {
        string[] words = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(Program.Run(words), Is.EqualTo(InProcess.Run(words)));
    }

    private static IEnumerable<TestCaseData> Impossible()
    {
        yield return Case("bench --device cuda", "cuda", "not available");
        yield return Case("train --arch rnn --device cuda:1", "cuda:1", "not available");
        yield return Case("bench --json no/such/folder/x.json", "--json", "no folder");
        yield return Case("bench --json .", "--json", "it is a folder");
        yield return Case("bench --html no/such/folder/x.html", "--html", "no folder");
        yield return Case("bench --sweep 8,16 --html .", "--html", "it is a folder");
        yield return Case("profile --trace no/such/folder/x", "--trace", "no folder");
        yield return Case("profile --html .", "--html", "it is a folder");
        yield return Case("profile --device cuda", "cuda", "not available");
        yield return Case("doctor --json .", "--json", "it is a folder");
        yield return Case("train --arch rnn --checkpoint no/such/folder/x", "--checkpoint");
        yield return Case("train --resume no-such-file", "--resume", "no-such-file");
    }

    [TestCaseSource(nameof(Impossible))]
    public void What_cannot_be_done_is_told_in_a_line(string arguments, string[] words)
    {
        ProgramResult result = InProcess.Run(arguments.Split(' '));
        result.RequireFailure(1, words);
        Assert.That(result.Output, Is.Empty, "it is found before the work begins");
    }

    [Test]
    public void The_version_is_a_number_and_the_commit_of_all_reports()
    {
        ProgramResult result = Program.Run("--version");
        result.RequireSuccess();
        Assert.That(
            result.Output.Trim(),
            Does.Match(@"^\d+\.\d+\.\d+\+([0-9a-f]{40}(-dirty)?|unknown)$")
        );
        Machine machine = Machine.Read();
        Assert.That(
            result.Output.Trim(),
            Is.EqualTo($"{machine.Sequor}+{machine.Commit ?? "unknown"}")
        );
    }

    [TestCase("66f3c0e123456789012345678901234567890123", "0.1.0 (66f3c0e)")]
    [TestCase("66f3c0e123456789012345678901234567890123-dirty", "0.1.0 (66f3c0e, changed since)")]
    [TestCase(null, "0.1.0 (of an unknown commit)")]
    public void A_commit_is_described_in_short(string? commit, string expected)
    {
        Machine machine = Machine.Read() with { Sequor = "0.1.0", Commit = commit };
        Assert.That(machine.Describe(), Is.EqualTo(expected));
    }

    [Test]
    public void Help_names_every_option()
    {
        ProgramResult result = Program.Run("train", "--help");
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Contain("--arch").And.Contain("--resume").And.Contain("--checkpoint-every")
        );
    }
}
