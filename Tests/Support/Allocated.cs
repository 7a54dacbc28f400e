using NUnit.Framework;
using NUnit.Framework.Internal;

namespace Sequor.Tests.Support;

/// <summary>Measures the managed memory that code allocates.</summary>
internal static class Allocated
{
    /// <summary>
    /// The bytes that all threads allocate while the action runs: the least of several runs, since the runtime and the test runner allocate
    /// at times of their own, whereas the action allocates the same at every run. It is only for fixtures that have the process to
    /// themselves.
    /// </summary>
    public static long Least(Action action)
    {
        RequireQuiet();
        // These runs let the JIT compile the code, and compile it again with optimizations.
        for (int i = 0; i < 3; i++)
            action();
        long least = long.MaxValue;
        for (int i = 0; i < 60 && least > 0; i++)
        {
            // The runner reports the test before on a thread of its own, which may take longer than many short runs.
            if (i >= 10)
                Thread.Sleep(5);
            long before = GC.GetTotalAllocatedBytes(precise: true);
            action();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        return least;
    }

    /// <summary>
    /// The bytes that the calling thread allocates while the action runs, whatever other tests do: the least of several runs, since the
    /// runtime allocates on this thread as well, where it compiles code anew.
    /// </summary>
    public static long LeastHere(Action action)
    {
        long least = long.MaxValue;
        for (int i = 0; i < 20 && least > 0; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }

    private static void RequireQuiet()
    {
        object fixture = TestExecutionContext.CurrentContext.TestObject!;
        Assert.That(
            fixture.GetType().IsDefined(typeof(NonParallelizableAttribute), inherit: true),
            $"What other tests allocate would count: {fixture.GetType().Name} has to be [NonParallelizable]."
        );
    }
}
