using NUnit.Framework;
using NUnit.Framework.Interfaces;

namespace Sequor.Tests.Support;

/// <summary>
/// Reports at the end on which GPU the tests ran, how many there were, and how far their results were from the CPU's. Every test program
/// has one of its own, since a program only runs the set-up fixtures of its own assembly.
/// </summary>
public abstract class GpuTestReport
{
    private static readonly Lock Gate = new();
    private static readonly SortedDictionary<string, double> Errors = new(StringComparer.Ordinal);
    private static int s_passed;
    private static int s_skipped;
    private static int s_failed;

    internal static void Count(TestStatus status)
    {
        lock (Gate)
        {
            if (status == TestStatus.Passed)
                s_passed++;
            else if (status == TestStatus.Failed)
                s_failed++;
            else
                s_skipped++;
        }
    }

    /// <summary>Notes an operation's relative error.</summary>
    internal static void Error(string operation, double error)
    {
        lock (Gate)
        {
            if (!Errors.TryGetValue(operation, out double most) || !(error <= most))
                Errors[operation] = error;
        }
    }

    /// <summary>Writes the report beside the results.</summary>
    [OneTimeTearDown]
    public void Report()
    {
        if (s_passed + s_skipped + s_failed == 0)
            return;
        foreach ((string operation, double error) in Errors)
            TestContext.Progress.WriteLine(
                FormattableString.Invariant(
                    $"largest relative error of {operation} against the CPU: {error:E1}"
                )
            );
        TestContext.Progress.WriteLine(
            $"GPU tests ran on the {TestGpu.Name}: {s_passed} passed, {s_failed} failed, {s_skipped} skipped"
        );
        if (TestGpu.IsRequired && s_skipped > 0)
            throw new AssertionException(
                $"{TestGpu.RequireVariable} is set, and {s_skipped} GPU tests were skipped."
            );
    }
}
