using NUnit.Framework;

namespace Sequor.Tests.Tool;

[TestFixture]
public sealed class MemoryLimitTests
{
    // 34,000 rows: of an output of 512 units 67 MiB, and as many of its gradient.
    private static readonly string[] Train =
        "train --arch rnn --task copy --length 1000 --batch 33 --hidden 512 --threads 1".Split(' ');

    // Where even the least that is needed is not there; and where that is, but not what the plan takes.
    [TestCase(50, "rnn: training needs at least")]
    [TestCase(100, "No memory on CPU")]
    public void Training_that_does_not_fit_is_refused_with_a_table(int mebibytes, string says)
    {
        ProgramResult result = Program.RunWithMemory((long)mebibytes << 20, Train);

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Output, Does.Not.Contain("step 1"));
        string[] lines = result.Error.TrimEnd().Split('\n');
        Assert.That(lines[0], Does.StartWith("sequor train: ").And.Contain(says));
        Assert.That(lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(s_head));
        Assert.That(lines, Has.One.Contains("activations"));
        Assert.That(lines[^2], Does.Contain("sum").And.Contain("100.0%"));
        Assert.That(lines[^1], Does.Contain("free"));
    }

    // On any machine.
    [TestCase("bench --length 1000000 --batch 100000", "rnn, lstm, gru, tcn, lru:")]
    [TestCase("train --arch lstm --hidden 1000000", "lstm:")]
    [TestCase("bench --sweep 8,1000000 --batch 100000", "rnn, lstm, gru, tcn, lru:")]
    public void What_no_machine_has_is_refused_before_the_work_begins(string arguments, string says)
    {
        ProgramResult result = Program.Run(arguments.Split(' '));

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Output, Is.Empty);
        Assert.That(result.Error, Does.Contain(says).And.Contain("GiB").And.Contain("activations"));
        Assert.That(result.Error, Does.Not.Contain("   at ").And.Not.Contain("Exception"));
    }

    [Test]
    public void A_benchmark_that_does_not_fit_is_refused_with_a_table()
    {
        ProgramResult result = Program.RunWithMemory(
            60 << 20,
            "bench --arch rnn --task copy --length 1000 --batch 33 --hidden 512 --threads 1".Split(
                ' '
            )
        );

        Assert.That(result.ExitCode, Is.EqualTo(1));
        Assert.That(result.Error, Does.Contain("sequor bench: ").And.Contain("activations"));
    }

    private static readonly string[] s_head = ["bytes", "taken", "wanted", "share"];
}
