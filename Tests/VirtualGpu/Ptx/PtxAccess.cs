namespace Sequor.VirtualGpu.Ptx;

/// <summary>How an access to memory is ordered with others.</summary>
internal enum PtxOrder
{
    Weak,

    /// <summary>Relaxed or volatile: each location is coherent, nothing is ordered.</summary>
    Relaxed,
    Acquire,
    Release,
    AcquireRelease,
}

/// <summary>What an atomic operation does.</summary>
internal enum PtxAtomic
{
    None,
    Add,
    Exchange,
    CompareExchange,
    Min,
    Max,
    Increment,
    Decrement,
    And,
    Or,
    Xor,
}

/// <summary>What an instruction does to memory.</summary>
internal sealed record PtxAccess
{
    public required PtxSpace Space { get; init; }

    public required PtxType Type { get; init; }

    /// <summary>Of a thread, all elements of a vector together; the address is a multiple of them.</summary>
    public required int Bytes { get; init; }

    public bool Reads { get; init; }

    public bool Writes { get; init; }

    public PtxOrder Order { get; init; }

    /// <summary>Ordered among all blocks, and not only within one.</summary>
    public bool AcrossBlocks { get; init; }

    public PtxAtomic Atomic { get; init; }

    /// <summary>A copy from global to shared memory that goes on while the thread does.</summary>
    public bool Asynchronous { get; init; }

    /// <summary>Threads that poll do it by such accesses, so they let others run soon.</summary>
    public bool Strong => Order != PtxOrder.Weak || Atomic != PtxAtomic.None;
}

/// <summary>Generic addresses: shared and local memory are seen through windows.</summary>
internal static class PtxAddress
{
    private const ulong Shared = 0x0B00_0000_0000_0000;
    private const ulong Local = 0x0C00_0000_0000_0000;
    private const ulong Size = 1UL << 32;

    /// <summary>Where a space's addresses begin among the generic ones.</summary>
    public static ulong Window(PtxSpace space) =>
        space switch
        {
            PtxSpace.Shared => Shared,
            PtxSpace.Local => Local,
            _ => 0,
        };

    /// <summary>The space of a generic address.</summary>
    public static PtxSpace Of(ulong address) =>
        address - Shared < Size ? PtxSpace.Shared
        : address - Local < Size ? PtxSpace.Local
        : PtxSpace.Global;

    public static int IsIn(ulong address, PtxSpace space) => Of(address) == space ? 1 : 0;
}
