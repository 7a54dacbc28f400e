namespace Sequor.VirtualGpu.Ptxas;

/// <summary>What ptxas made of a kernel for one architecture, and how much of a multiprocessor that lets it use.</summary>
/// <param name="Kernel">Its name.</param>
/// <param name="Architecture">Major * 10 + minor: 75 for sm_75.</param>
/// <param name="Threads">The most threads of a block with which it can be launched.</param>
/// <param name="Registers">Registers a thread.</param>
/// <param name="SpillStores">Bytes that a thread stores of registers for which there was no room.</param>
/// <param name="SpillLoads">Bytes that it loads of them.</param>
/// <param name="Stack">Local memory a thread, bytes.</param>
/// <param name="SharedBytes">Static shared memory a block, bytes.</param>
/// <param name="Blocks">Blocks of so many threads that fit on a multiprocessor at a time.</param>
/// <param name="Occupancy">The part of the resident warps that there could be, in percent, to a tenth.</param>
internal sealed record PtxasRow(
    string Kernel,
    int Architecture,
    int Threads,
    int Registers,
    int SpillStores,
    int SpillLoads,
    int Stack,
    int SharedBytes,
    int Blocks,
    decimal Occupancy
)
{
    /// <summary>A row with blocks and occupancy by the rules of its architecture.</summary>
    public static PtxasRow Of(
        string kernel,
        int architecture,
        int threads,
        int registers,
        int spillStores,
        int spillLoads,
        int stack,
        int sharedBytes
    )
    {
        var on = Multiprocessor.Of(architecture);
        int blocks = on.ResidentBlocks(threads, registers, sharedBytes);
        return new(
            kernel,
            architecture,
            threads,
            registers,
            spillStores,
            spillLoads,
            stack,
            sharedBytes,
            blocks,
            Math.Round(100 * (decimal)on.Occupancy(threads, blocks), 1)
        );
    }
}
