using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>What kernels read beside a matrix's values, which go by packs of four where they can (columns.cuh).</summary>
internal static class PackBytes
{
    /// <summary>Rows that are a whole number of packs.</summary>
    public static int FoldOf(int columns) =>
        columns % 4 == 0 ? 1
        : columns % 2 == 0 ? 2
        : 4;

    /// <summary>
    /// Bytes of a shared row: each thread that has any rows reads its columns of it once, of packs and of the rows that are left.
    /// </summary>
    public static long Shared(KernelGrid grid, long rows, int columns, bool packs = true)
    {
        if (!packs)
            return 4L * columns * Math.Min(rows, grid.Y * (grid.Threads / grid.Lanes));
        int fold = FoldOf(columns);
        long lines = grid.Y * (grid.Threads / (grid.Lanes * fold / 4));
        return 4L * columns * (fold * Math.Min(rows / fold, lines) + rows % fold);
    }
}
