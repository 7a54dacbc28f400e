using Sequor.Interop;

namespace Sequor.Tests.Examples;

/// <summary>What docs/profiling.md shows: ranges of one's own in the profiler that listens.</summary>
internal static class RangesOfAProfiler
{
    public static void Run(Action LoadBatch)
    {
        // Shown
        using NvtxDomain? mine = NvtxDomain.Create("MyProgram");
        NvtxEvent loading = mine?.Event("loading", color: 0xFF3366CC) ?? default;

        mine?.Push(loading); // of this thread, within the ranges it has begun
        LoadBatch();
        mine?.Pop();
        // Shown
    }
}
