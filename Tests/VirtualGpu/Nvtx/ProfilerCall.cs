using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A call that a program made to the virtual profiler.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Domain">The domain's handle; 0 is the program's own.</param>
/// <param name="Text">What is shown; of an end that of its begin.</param>
/// <param name="Category">The category's number.</param>
/// <param name="Color">ARGB; null where there is none.</param>
/// <param name="Payload">The number that is carried; null where there is none.</param>
/// <param name="Depth">Ranges that this thread has begun and not ended, before the call.</param>
/// <param name="Thread">The managed thread's number.</param>
internal readonly record struct ProfilerCall(
    ProfilerCallKind Kind,
    nint Domain,
    string Text,
    uint Category,
    uint? Color,
    long? Payload,
    int Depth,
    int Thread
)
{
    public static ProfilerCall Of(
        ProfilerCallKind kind,
        nint domain,
        string text,
        in nvtxEventAttributes_t attributes,
        int depth
    ) =>
        new(
            kind,
            domain,
            text,
            attributes.category,
            attributes.colorType == (int)nvtxColorType_t.NVTX_COLOR_ARGB ? attributes.color : null,
            attributes.payloadType == (int)nvtxPayloadType_t.NVTX_PAYLOAD_TYPE_INT64
                ? attributes.llValue
                : null,
            depth,
            Environment.CurrentManagedThreadId
        );
}

/// <summary>What a program tells a profiler.</summary>
internal enum ProfilerCallKind
{
    Mark,
    Push,
    Pop,
    Start,
    End,
}
