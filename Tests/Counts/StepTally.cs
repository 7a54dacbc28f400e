using Sequor.VirtualGpu;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.Counts;

/// <summary>What the launches of one kernel did, and the least time that a GPU needs for them.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Registers">Registers a thread.</param>
/// <param name="Occupancy">The part of a multiprocessor's warps that can be resident; of several launches the least.</param>
/// <param name="Waves">Blocks over those that the GPU holds at a time; of several launches the mean.</param>
/// <param name="FloorMicroseconds">The sum of the launches' floors.</param>
/// <param name="Counts">All else.</param>
internal sealed record KernelTally(
    string Name,
    int Registers,
    double Occupancy,
    double Waves,
    double FloorMicroseconds,
    PtxCounts Counts
)
{
    /// <summary>Sectors of global memory that a request touches: 4 where lanes go for neighbouring floats.</summary>
    public double SectorsPerRequest =>
        Counts.Requests == 0 ? 0 : (double)Counts.Sectors / Counts.Requests;

    /// <summary>PTX instructions for each 4 bytes that threads read or write.</summary>
    public double InstructionsPerValue =>
        Counts.BytesRead + Counts.BytesWritten == 0
            ? 0
            : 4.0 * Counts.Instructions / (Counts.BytesRead + Counts.BytesWritten);

    /// <summary>Operations with floats, of either width, and of matrix products by warps.</summary>
    public long Operations =>
        Counts.SingleOperations
        + Counts.DoubleOperations
        + Counts.Tf32Operations
        + Counts.HalfOperations;
}

/// <summary>What calls of one function of cuBLAS or cuDNN have to do, by formula, and the least time for it.</summary>
/// <param name="Call">The header's name.</param>
/// <param name="Calls">How many ran.</param>
/// <param name="Bytes">Bytes read and written.</param>
/// <param name="Operations">Operations with floats.</param>
/// <param name="FloorMicroseconds">The sum of the calls' floors.</param>
internal sealed record LibraryTally(
    string Call,
    long Calls,
    long Bytes,
    long Operations,
    double FloorMicroseconds
)
{
    public bool IsCuDnn => Call.StartsWith("cudnn", StringComparison.Ordinal);
}

/// <summary>Adds up a step's launches and library calls as a GPU would have to do them.</summary>
/// <param name="gpu">The GPU.</param>
internal sealed class StepTally(Gpu gpu)
{
    private readonly SortedDictionary<string, KernelTally> _kernels = new(StringComparer.Ordinal);

    /// <summary>In the order of their names.</summary>
    public IReadOnlyList<KernelTally> Kernels => [.. _kernels.Values];

    /// <summary>Adds a launch.</summary>
    public void Add(PtxLaunched launched)
    {
        (IKernel kernel, KernelLaunch launch, PtxCounts counts) = launched;
        int threads = (int)(launch.Block.X * launch.Block.Y * launch.Block.Z);
        (int resident, double occupancy) = gpu.Residents(
            threads,
            kernel.RegistersPerThread,
            kernel.StaticSharedMemory + launch.DynamicSharedMemory
        );
        // A block that fits on no multiprocessor would not be launched at all.
        double waves = (double)counts.Blocks / (Math.Max(1, resident) * gpu.Multiprocessors);
        double floor = gpu.Floor(
            counts.BytesTouched,
            counts.SingleOperations,
            counts.DoubleOperations,
            counts.Tf32Operations,
            counts.HalfOperations
        );
        var sum = new PtxCounts();
        sum.Add(counts);
        if (_kernels.TryGetValue(kernel.Name, out KernelTally? before))
        {
            sum.Add(before.Counts);
            floor += before.FloorMicroseconds;
            occupancy = Math.Min(occupancy, before.Occupancy);
            waves = (waves + before.Waves * before.Counts.Launches) / sum.Launches;
        }
        _kernels[kernel.Name] = new(
            kernel.Name,
            kernel.RegistersPerThread,
            occupancy,
            waves,
            floor,
            sum
        );
    }

    /// <summary>The library calls that ran, in the order of their names.</summary>
    public IReadOnlyList<LibraryTally> Library(VirtualCounts counts) =>
        [
            .. counts
                .Library.GroupBy(call => call.Key.Call)
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => new LibraryTally(
                    group.Key,
                    group.Sum(c => c.Value),
                    group.Sum(c => c.Value * c.Key.Bytes),
                    group.Sum(c => c.Value * c.Key.Operations),
                    // Sums of the same terms in the same order, however the calls came.
                    group.Select(c => c.Value * FloorOf(c.Key)).Order().Sum()
                )),
        ];

    private double FloorOf(LibraryWork work) =>
        work.Tf32
            ? gpu.Floor(work.Bytes, 0, tf32: work.Operations)
            : gpu.Floor(work.Bytes, work.Operations);
}
