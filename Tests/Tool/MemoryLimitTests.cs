using NUnit.Framework;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>Commands that need more memory than there is: they are refused with a table of what they need.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
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

        result.RequireMemoryTable("sequor train: ", says);
    }

    private static IEnumerable<object[]> OfAll =>
        from arguments in new[]
        {
            "bench --length 1000000 --batch 100000",
            "bench --sweep 8,1000000 --batch 100000",
        }
        select new object[] { arguments, $"{string.Join(", ", Architecture.Compared)}:" };

    // On any machine.
    [TestCaseSource(nameof(OfAll))]
    [TestCase("train --arch lstm --hidden 20000 --length 1000000 --batch 100000", "lstm:")]
    public void What_no_machine_has_is_refused_before_the_work_begins(string arguments, string says)
    {
        ProgramResult result = Program.Run(arguments.Split(' '));

        result.RequireMemoryTable(says, "GiB");
        Assert.That(result.Output, Is.Empty);
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

        result.RequireMemoryTable("sequor bench: ");
    }
}
