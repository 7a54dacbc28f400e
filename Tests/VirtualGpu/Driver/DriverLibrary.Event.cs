using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's event functions: recording, waiting, elapsed time, and what a capture forbids.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuEventCreate")]
    [Since(2000)]
    private static CUresult cuEventCreate(CUevent* phEvent, uint Flags) =>
        InContext(
            nameof(cuEventCreate),
            (device, context) =>
            {
                NeedOut(phEvent, nameof(cuEventCreate), nameof(phEvent));
                const uint between = (uint)CUevent_flags.CU_EVENT_INTERPROCESS;
                const uint timeless = (uint)CUevent_flags.CU_EVENT_DISABLE_TIMING;
                if (Flags > 7 || (Flags & between) != 0 && (Flags & timeless) == 0)
                    return Bad(
                        device,
                        nameof(cuEventCreate),
                        nameof(Flags),
                        $"{Flags}; INTERPROCESS needs DISABLE_TIMING"
                    );
                *phEvent = new CUevent(device.Events.Add(new VirtualEvent(context, Flags)));
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuEventRecord")]
    [Since(2000)]
    private static CUresult cuEventRecord(CUevent hEvent, CUstream hStream) =>
        RecordEvent(nameof(cuEventRecord), hEvent, hStream, 0);

    [UnmanagedCallersOnly(EntryPoint = "cuEventRecordWithFlags")]
    [Since(11010)]
    private static CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, uint flags) =>
        RecordEvent(nameof(cuEventRecordWithFlags), hEvent, hStream, flags);

    private static CUresult RecordEvent(string call, CUevent handle, CUstream at, uint flags) =>
        OnStream(
            call,
            at,
            (device, stream) =>
                device.Events.Find(handle.Value, call, "hEvent") is not { } mark
                    ? CUresult.CUDA_ERROR_INVALID_HANDLE
                : flags > (uint)CUevent_record_flags.CU_EVENT_RECORD_EXTERNAL
                    ? Bad(device, call, nameof(flags), $"{flags}")
                : EventWork.Record(
                    device,
                    stream,
                    mark,
                    external: flags == (uint)CUevent_record_flags.CU_EVENT_RECORD_EXTERNAL
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cuEventQuery")]
    [Since(2000)]
    private static CUresult cuEventQuery(CUevent hEvent) =>
        With<VirtualEvent>(
            nameof(cuEventQuery),
            hEvent.Value,
            d => d.Events,
            (device, mark) =>
            {
                RefuseCaptured(device, mark, nameof(cuEventQuery));
                return Ask(device, mark.Item);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuEventSynchronize")]
    [Since(2000)]
    private static CUresult cuEventSynchronize(CUevent hEvent) =>
        With<VirtualEvent>(
            nameof(cuEventSynchronize),
            hEvent.Value,
            d => d.Events,
            (device, mark) =>
            {
                RefuseCaptured(device, mark, nameof(cuEventSynchronize));
                device.Work.Wait(mark.Item);
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuEventElapsedTime")]
    [Since(2000)]
    private static CUresult cuEventElapsedTime(
        float* pMilliseconds,
        CUevent hStart,
        CUevent hEnd
    ) =>
        InContext(
            nameof(cuEventElapsedTime),
            (device, _) =>
            {
                const string call = nameof(cuEventElapsedTime);
                NeedOut(pMilliseconds, call, nameof(pMilliseconds));
                if (
                    device.Events.Find(hStart.Value, call, nameof(hStart)) is not { } start
                    || device.Events.Find(hEnd.Value, call, nameof(hEnd)) is not { } end
                )
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                RefuseCaptured(device, start, call);
                RefuseCaptured(device, end, call);
                if (start.Item is null || end.Item is null || !start.HasTime || !end.HasTime)
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                if (!start.Item.Done || !end.Item.Done)
                    return CUresult.CUDA_ERROR_NOT_READY;
                *pMilliseconds = (end.Time - start.Time) * 1e-6f;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuEventDestroy_v2")]
    [Since(4000)]
    private static CUresult cuEventDestroy(CUevent hEvent) =>
        InContext(
            nameof(cuEventDestroy),
            (device, _) =>
            {
                VirtualEvent? gone = device.Events.Remove(
                    hEvent.Value,
                    nameof(cuEventDestroy),
                    nameof(hEvent)
                );
                if (gone is null)
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                gone.IsDestroyed = true;
                return Success;
            }
        );

    /// <summary>An event that was recorded in a capture is in no stream, so that no one can wait for it.</summary>
    private static void RefuseCaptured(VirtualDevice device, VirtualEvent mark, string call)
    {
        EventWork.RequireMaker(mark, call);
        if (mark.Capture is { } capture)
        {
            if (device.Captures.Contains(capture))
                capture.Invalidate(call);
            throw new VirtualStatusException(CUresult.CUDA_ERROR_CAPTURED_EVENT);
        }
        RefuseUnsafe(device, call);
    }
}
