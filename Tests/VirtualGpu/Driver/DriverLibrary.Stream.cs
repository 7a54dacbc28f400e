using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's stream functions: creation and destruction, waiting, and asking whether work is done.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuStreamCreate")]
    [Since(2000)]
    private static CUresult cuStreamCreate(CUstream* phStream, uint Flags) =>
        CreateStream(nameof(cuStreamCreate), phStream, Flags, 0);

    [UnmanagedCallersOnly(EntryPoint = "cuStreamCreateWithPriority")]
    [Since(5050)]
    private static CUresult cuStreamCreateWithPriority(
        CUstream* phStream,
        uint flags,
        int priority
    ) => CreateStream(nameof(cuStreamCreateWithPriority), phStream, flags, priority);

    private static CUresult CreateStream(string call, CUstream* handle, uint flags, int priority) =>
        InContext(
            call,
            (device, context) =>
            {
                NeedOut(handle, call, "phStream");
                if (flags > (uint)CUstream_flags.CU_STREAM_NON_BLOCKING)
                    return Bad(device, call, "flags", $"{flags}; there are 0 and 1");
                var stream = new VirtualStream(
                    device,
                    context,
                    StreamKind.Created,
                    flags,
                    Math.Clamp(priority, GreatestPriority, 0)
                );
                context.Streams.Add(stream);
                *handle = new CUstream(device.Streams.Add(stream));
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamDestroy_v2")]
    [Since(4000)]
    private static CUresult cuStreamDestroy(CUstream hStream) =>
        InContext(
            nameof(cuStreamDestroy),
            (device, _) =>
            {
                const string call = nameof(cuStreamDestroy);
                if (device.Streams.Find(hStream.Value, call, nameof(hStream)) is not { } stream)
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                if (stream.Capture is { } capture)
                    Spoil([capture], call);
                device.Streams.Remove(hStream.Value, call, nameof(hStream));
                stream.IsGone = true;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamSynchronize")]
    [Since(2000)]
    private static CUresult cuStreamSynchronize(CUstream hStream) =>
        OnStream(
            nameof(cuStreamSynchronize),
            hStream,
            (device, stream) =>
            {
                WorkItem? end = End(device, stream, nameof(cuStreamSynchronize));
                device.Work.Wait(end);
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamQuery")]
    [Since(2000)]
    private static CUresult cuStreamQuery(CUstream hStream) =>
        OnStream(
            nameof(cuStreamQuery),
            hStream,
            (device, stream) => Ask(device, End(device, stream, nameof(cuStreamQuery)))
        );

    /// <summary>What has to be done for a stream's work to be done.</summary>
    private static WorkItem? End(VirtualDevice device, VirtualStream stream, string call)
    {
        if (stream.Capture is { } capture)
            Spoil([capture], call);
        if (stream.Kind != StreamKind.Legacy)
        {
            RefuseUnsafe(device, call);
            return stream.Tail;
        }
        // It has the blocking streams' work before it.
        if (
            stream.Context.Streams.TrueForAll(s =>
                !s.IsBlocking || s is { IsIdle: true, Capture: null }
            )
        )
            return null;
        WorkItem end = stream.Next(call, null);
        RefuseUnsafe(device, call);
        stream.Append(end);
        return end;
    }

    /// <summary>Whether work is done; asking goes on for long, but not for ever.</summary>
    private static CUresult Ask(VirtualDevice device, WorkItem? end)
    {
        if (end is { Done: false } && device.Random.Next(4) != 0)
            device.Work.Step(end);
        return device.IsPoisoned ? device.Sticky
            : end is { Done: false } ? CUresult.CUDA_ERROR_NOT_READY
            : Success;
    }

    [UnmanagedCallersOnly(EntryPoint = "cuStreamWaitEvent")]
    [Since(3020)]
    private static CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, uint Flags) =>
        OnStream(
            nameof(cuStreamWaitEvent),
            hStream,
            (device, stream) =>
                device.Events.Find(hEvent.Value, nameof(cuStreamWaitEvent), nameof(hEvent))
                    is not { } mark
                    ? CUresult.CUDA_ERROR_INVALID_HANDLE
                : Flags > (uint)CUevent_wait_flags.CU_EVENT_WAIT_EXTERNAL
                    ? Bad(device, nameof(cuStreamWaitEvent), nameof(Flags), $"{Flags}")
                : EventWork.Wait(
                    device,
                    stream,
                    mark,
                    external: Flags == (uint)CUevent_wait_flags.CU_EVENT_WAIT_EXTERNAL
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamGetCtx")]
    [Since(9020)]
    private static CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) =>
        OnStream(
            nameof(cuStreamGetCtx),
            hStream,
            (_, stream) =>
            {
                NeedOut(pctx, nameof(cuStreamGetCtx), nameof(pctx));
                *pctx = new CUcontext(stream.Context.Handle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamGetPriority")]
    [Since(5050)]
    private static CUresult cuStreamGetPriority(CUstream hStream, int* priority) =>
        OnStream(
            nameof(cuStreamGetPriority),
            hStream,
            (_, stream) =>
            {
                NeedOut(priority, nameof(cuStreamGetPriority), nameof(priority));
                *priority = stream.Priority;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamGetId")]
    [Since(12000)]
    private static CUresult cuStreamGetId(CUstream hStream, ulong* streamId) =>
        OnStream(
            nameof(cuStreamGetId),
            hStream,
            (_, stream) =>
            {
                NeedOut(streamId, nameof(cuStreamGetId), nameof(streamId));
                *streamId = stream.Id;
                return Success;
            }
        );
}
