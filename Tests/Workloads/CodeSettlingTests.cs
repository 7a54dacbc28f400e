using System.Diagnostics;
using NUnit.Framework;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>When code counts as settled: at once where nothing is compiled while a program runs, else some time after the last of it.</summary>
[TestFixture]
public sealed class CodeSettlingTests
{
    [Test]
    public void Nothing_compiled_is_nothing_to_wait_for() =>
        Assert.That(new CodeSettling(() => 0).IsSettled(), Is.True);

    [Test]
    public void Code_that_is_compiled_again_and_again_never_settles()
    {
        long compiled = 7;
        var code = new CodeSettling(() => compiled++);
        long begin = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begin) < TimeSpan.FromMilliseconds(700))
        {
            Assert.That(code.IsSettled(), Is.False);
            Thread.Sleep(10);
        }
    }

    [Test]
    public void Code_settles_once_no_more_is_compiled_and_not_before()
    {
        long compiled = 7;
        var code = new CodeSettling(() => compiled);
        compiled = 8;
        Assert.That(code.IsSettled(), Is.False);
        Assert.That(code.IsSettled, Is.True.After(20_000, 20));
        compiled = 9;
        Assert.That(code.IsSettled(), Is.False);
    }
}
