using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A range or a mark as a profiler shows it, made once by <see cref="NvtxDomain.Event"/> and used as often as wanted. It is valid as long
/// as its domain.
/// </summary>
public readonly struct NvtxEvent
{
    // The tool reads it, and keeps no address of it.
    internal readonly nvtxEventAttributes_t Attributes;

    internal NvtxEvent(in nvtxEventAttributes_t attributes) => Attributes = attributes;

    /// <summary>The same event with a number that tools show beside its text, such as bytes.</summary>
    /// <param name="value">The number.</param>
    public NvtxEvent With(long value)
    {
        nvtxEventAttributes_t changed = Attributes;
        changed.payloadType = (int)nvtxPayloadType_t.NVTX_PAYLOAD_TYPE_INT64;
        changed.llValue = value;
        return new NvtxEvent(changed);
    }
}

/// <summary>A range of the process that was begun by <see cref="NvtxDomain.Start"/>; 0 where no tool listens to such ranges.</summary>
/// <param name="Id">The tool's number.</param>
public readonly record struct NvtxRange(ulong Id);
