using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Recording events and waiting for them, in streams and in captures.</summary>
internal static class EventWork
{
    public static CUresult Record(
        VirtualDevice device,
        VirtualStream stream,
        VirtualEvent mark,
        bool external
    )
    {
        RequireMaker(mark, "cuEventRecord");
        if (mark.Context != stream.Context)
        {
            device.Record(
                FaultKind.OtherContext,
                "cuEventRecord",
                "hEvent",
                0,
                "event and stream belong to different contexts"
            );
            return CUresult.CUDA_ERROR_INVALID_HANDLE;
        }
        Action run = () => mark.Time = device.Work.Time;
        if (stream.Capture is not { } capture)
        {
            mark.Item = stream.Submit(
                CUgraphNodeType.CU_GRAPH_NODE_TYPE_EVENT_RECORD,
                "event record",
                run
            );
            mark.Capture = null;
            return CUresult.CUDA_SUCCESS;
        }
        capture.RequireActive();
        if (external)
        {
            capture.Add(
                stream,
                new GraphNode(
                    device,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_EVENT_RECORD,
                    "event record",
                    stream.Context,
                    run
                )
                {
                    Event = mark,
                }
            );
            return CUresult.CUDA_SUCCESS;
        }
        mark.Capture = capture;
        mark.CapturedAfter = [.. stream.Frontier];
        mark.Item = null;
        return CUresult.CUDA_SUCCESS;
    }

    public static CUresult Wait(
        VirtualDevice device,
        VirtualStream stream,
        VirtualEvent mark,
        bool external
    )
    {
        RequireMaker(mark, "cuStreamWaitEvent");
        if (mark.Context.Process != stream.Context.Process)
        {
            device.Record(
                FaultKind.BadHandle,
                "cuStreamWaitEvent",
                "hEvent",
                0,
                "the event is another process's; cuIpcOpenEventHandle opens one"
            );
            return CUresult.CUDA_ERROR_INVALID_HANDLE;
        }
        if (external && stream.Capture is { } captured)
        {
            captured.Add(
                stream,
                new GraphNode(
                    device,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_WAIT_EVENT,
                    "event wait",
                    stream.Context,
                    null
                )
                {
                    Event = mark,
                }
            );
            return CUresult.CUDA_SUCCESS;
        }
        if (mark.Capture is { } capture)
            return Join(device, stream, mark, capture);
        if (stream.Capture is { } own)
        {
            own.RequireActive();
            // An event that was never recorded stands for nothing, so there is nothing outside to wait for.
            if (mark.Item is null)
                return CUresult.CUDA_SUCCESS;
            own.Invalidate("cuStreamWaitEvent on an event from outside the capture");
            return CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
        }
        if (
            mark.Item is null or { Done: true }
            || device.Manners.ForgetsWaits?.Invoke(stream.Id) == true
        )
            return CUresult.CUDA_SUCCESS;
        WorkItem item = stream.Next("event wait", null);
        item.Follow(mark.Item);
        stream.Append(item);
        return CUresult.CUDA_SUCCESS;
    }

    /// <summary>An event that was opened is of use only as long as its maker has it.</summary>
    /// <exception cref="VirtualFaultException">Its maker destroyed it.</exception>
    public static void RequireMaker(VirtualEvent mark, string call)
    {
        if (mark.Shared is { IsDestroyed: true })
            throw new VirtualFaultException(
                new(
                    FaultKind.DestroyedHandle,
                    call,
                    "hEvent",
                    0,
                    "the process that made this event has destroyed it"
                )
            );
    }

    private static CUresult Join(
        VirtualDevice device,
        VirtualStream stream,
        VirtualEvent mark,
        VirtualCapture capture
    )
    {
        if (!device.Captures.Contains(capture))
        {
            // Its capture is over, and the mark was never put into a stream.
            device.Record(
                FaultKind.Capture,
                "cuStreamWaitEvent",
                "hEvent",
                0,
                "the event was recorded last in a capture that is over"
            );
            return CUresult.CUDA_ERROR_CAPTURED_EVENT;
        }
        capture.RequireActive();
        if (stream.Capture is { } other && other != capture)
        {
            other.Invalidate("cuStreamWaitEvent on an event of another capture");
            capture.Invalidate("cuStreamWaitEvent in a stream of another capture");
            return CUresult.CUDA_ERROR_STREAM_CAPTURE_MERGE;
        }
        if (stream.Kind == StreamKind.Legacy)
        {
            capture.Invalidate("cuStreamWaitEvent in the legacy default stream");
            return CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
        }
        capture.Join(stream, mark.CapturedAfter);
        return CUresult.CUDA_SUCCESS;
    }
}
