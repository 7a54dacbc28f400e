namespace Sequor.VirtualGpu;

/// <summary>Kinds of misuse.</summary>
public enum FaultKind
{
    /// <summary>Outside any allocation, or past the end of one.</summary>
    OutOfBounds,

    /// <summary>An address that is no multiple of its element's size.</summary>
    Misaligned,

    /// <summary>Read before it was written.</summary>
    Uninitialised,

    /// <summary>Memory that was freed, or is not allocated yet in stream order.</summary>
    UseAfterFree,

    /// <summary>Freed twice.</summary>
    DoubleFree,

    /// <summary>An object or memory of another context.</summary>
    OtherContext,

    /// <summary>A handle that was never made, or one of another kind.</summary>
    BadHandle,

    /// <summary>A handle whose object is destroyed.</summary>
    DestroyedHandle,

    /// <summary>An argument that the documentation forbids.</summary>
    BadArgument,

    /// <summary>A call that is not allowed during stream capture.</summary>
    Capture,

    /// <summary>Something that this virtual library does not do.</summary>
    NotSupported,

    /// <summary>What only a kernel can do wrong, such as a race; the detail says what.</summary>
    Kernel,

    /// <summary>An exception of the virtual GPU's own: a defect of it.</summary>
    Internal,
}

/// <summary>A misuse that was found.</summary>
/// <param name="Kind">What kind.</param>
/// <param name="Call">The call, or the work that it left behind.</param>
/// <param name="Argument">The argument's name.</param>
/// <param name="Address">The address or handle.</param>
/// <param name="Detail">What was wrong.</param>
internal sealed record VirtualFault(
    FaultKind Kind,
    string Call,
    string Argument,
    nint Address,
    string Detail
)
{
    public override string ToString() => $"{Kind} in {Call}, {Argument} (0x{Address:x}): {Detail}";
}

/// <summary>Ends the work in which a misuse was found.</summary>
internal sealed class VirtualFaultException(VirtualFault fault) : Exception(fault.ToString())
{
    public VirtualFault Fault => fault;
}
