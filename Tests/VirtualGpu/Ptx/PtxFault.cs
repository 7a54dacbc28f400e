namespace Sequor.VirtualGpu.Ptx;

/// <summary>What a kernel can do wrong.</summary>
internal enum PtxFaultKind
{
    /// <summary>Outside every allocation, variable or window; of the host; written where it is constant.</summary>
    OutOfBounds,

    /// <summary>An address that is no multiple of the access's bytes.</summary>
    Misaligned,

    /// <summary>Read before it was written.</summary>
    Uninitialised,

    /// <summary>Memory that was freed, or is not allocated yet in stream order.</summary>
    UseAfterFree,

    /// <summary>Two threads met in shared memory, one wrote, and no barrier was between.</summary>
    Race,

    /// <summary>A barrier that not all threads reach, or not at the same instruction.</summary>
    BarrierDivergence,

    /// <summary>A shuffle, vote or warp barrier that not all lanes of its mask reach.</summary>
    WarpDivergence,

    /// <summary>All threads of a block wait.</summary>
    Deadlock,

    /// <summary>Threads run and nothing comes of it, or the launch's instructions are used up.</summary>
    Hang,

    DivisionByZero,

    /// <summary>The kernel's own <c>trap</c>.</summary>
    Trap,
}

/// <summary>A place in a grid.</summary>
internal readonly record struct PtxDim3(uint X, uint Y = 1, uint Z = 1)
{
    public long Count => (long)X * Y * Z;

    public override string ToString() => $"({X}, {Y}, {Z})";
}

/// <summary>A misuse that was found, and where.</summary>
/// <param name="Kind">What kind.</param>
/// <param name="Kernel">The kernel.</param>
/// <param name="Instruction">The instruction's name.</param>
/// <param name="Line">Its line in the PTX text, from 1.</param>
/// <param name="Source">The source line that it was made from.</param>
/// <param name="Block">The block's place in the grid.</param>
/// <param name="Thread">The thread's place in the block.</param>
/// <param name="Address">The address as the instruction has it; 0 where there is none.</param>
/// <param name="Detail">What was wrong.</param>
internal sealed record PtxFault(
    PtxFaultKind Kind,
    string Kernel,
    string Instruction,
    int Line,
    PtxSource Source,
    PtxDim3 Block,
    PtxDim3 Thread,
    ulong Address,
    string Detail
)
{
    public override string ToString() =>
        $"{Kind} in kernel {Kernel}, {Source}, PTX line {Line} ({Instruction}), block {Block}, thread {Thread}"
        + (Address == 0 ? "" : $", address 0x{Address:x}")
        + $": {Detail}";
}

/// <summary>Ends a launch in which a misuse was found.</summary>
internal sealed class PtxFaultException(PtxFault fault) : Exception(fault.ToString())
{
    public PtxFault Fault => fault;
}
