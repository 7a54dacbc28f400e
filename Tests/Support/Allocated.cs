namespace Sequor.Tests.Support;

/// <summary>Managed memory that code takes.</summary>
internal static class Allocated
{
    /// <summary>
    /// Bytes that all threads allocate while the action runs: the least of several runs, since the runtime and the test
    /// runner allocate at times of their own. What the action allocates, it allocates at every run.
    /// </summary>
    public static long Least(Action action)
    {
        // Compiled, and compiled again for speed.
        for (int i = 0; i < 3; i++)
            action();
        long least = long.MaxValue;
        for (int i = 0; i < 10 && least > 0; i++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            action();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        return least;
    }
}
