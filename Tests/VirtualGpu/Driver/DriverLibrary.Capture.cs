using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's stream capture. (CUDA C++ Programming Guide, "Prohibited and Unhandled Operations".)
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuStreamBeginCapture_v2")]
    [Since(10010)]
    private static CUresult cuStreamBeginCapture(CUstream hStream, CUstreamCaptureMode mode) =>
        OnStream(
            nameof(cuStreamBeginCapture),
            hStream,
            (device, stream) =>
            {
                if (!Enum.IsDefined(mode))
                    return Bad(device, nameof(cuStreamBeginCapture), nameof(mode), $"{mode}");
                if (stream.Kind == StreamKind.Legacy)
                    return CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
                if (stream.IsCapturing)
                    return CUresult.CUDA_ERROR_ILLEGAL_STATE;
                _ = new VirtualCapture(device, stream, mode);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamEndCapture")]
    [Since(10000)]
    private static CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) =>
        OnStream(
            nameof(cuStreamEndCapture),
            hStream,
            (device, stream) =>
            {
                NeedOut(phGraph, nameof(cuStreamEndCapture), nameof(phGraph));
                *phGraph = default;
                if (stream.Capture is not { } capture)
                    return CUresult.CUDA_ERROR_ILLEGAL_STATE;
                if (capture.Origin != stream)
                {
                    capture.Invalidate("cuStreamEndCapture of a stream where it did not begin");
                    return CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
                }
                if (
                    capture.Mode != CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
                    && capture.Thread != Environment.CurrentManagedThreadId
                )
                    return CUresult.CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
                CUresult result = capture.End();
                if (result == Success)
                    *phGraph = new CUgraph(HandleOf(device, capture.Graph));
                else if (capture.Graph.Handle != 0)
                    device.Graphs.Remove(
                        capture.Graph.Handle,
                        nameof(cuStreamEndCapture),
                        nameof(phGraph)
                    );
                return result;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamIsCapturing")]
    [Since(10000)]
    private static CUresult cuStreamIsCapturing(
        CUstream hStream,
        CUstreamCaptureStatus* captureStatus
    ) =>
        OnStream(
            nameof(cuStreamIsCapturing),
            hStream,
            (_, stream) =>
            {
                NeedOut(captureStatus, nameof(cuStreamIsCapturing), nameof(captureStatus));
                stream.RefuseHiddenCapture();
                *captureStatus = StatusOf(stream.Capture);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuStreamGetCaptureInfo_v2")]
    [Since(11030)]
    private static CUresult cuStreamGetCaptureInfo(
        CUstream hStream,
        CUstreamCaptureStatus* captureStatus_out,
        ulong* id_out,
        CUgraph* graph_out,
        CUgraphNode** dependencies_out,
        nuint* numDependencies_out
    ) =>
        OnStream(
            nameof(cuStreamGetCaptureInfo),
            hStream,
            (device, stream) =>
            {
                NeedOut(
                    captureStatus_out,
                    nameof(cuStreamGetCaptureInfo),
                    nameof(captureStatus_out)
                );
                stream.RefuseHiddenCapture();
                *captureStatus_out = StatusOf(stream.Capture);
                if (stream.Capture is not { Spoilt: null } capture)
                    return Success;
                if (id_out != null)
                    *id_out = capture.Id;
                if (graph_out != null)
                    *graph_out = new CUgraph(HandleOf(device, capture.Graph));
                if (numDependencies_out != null)
                    *numDependencies_out = (nuint)stream.Frontier.Count;
                if (dependencies_out != null)
                    *dependencies_out = device.Frontier.Set(
                        stream.Frontier.Select(n => new CUgraphNode(n.Handle))
                    );
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuThreadExchangeStreamCaptureMode")]
    [Since(10010)]
    private static CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) =>
        Started(
            nameof(cuThreadExchangeStreamCaptureMode),
            device =>
            {
                const string call = nameof(cuThreadExchangeStreamCaptureMode);
                NeedOut(mode, call, nameof(mode));
                if (!Enum.IsDefined(*mode))
                    return Bad(device, call, nameof(mode), $"{*mode}");
                (*mode, device.ThreadCaptureMode) = (device.ThreadCaptureMode, *mode);
                return Success;
            }
        );

    private static CUstreamCaptureStatus StatusOf(VirtualCapture? capture) =>
        capture is null ? CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE
        : capture.Spoilt is null ? CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE
        : CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_INVALIDATED;

    private static nint HandleOf(VirtualDevice device, VirtualGraph graph)
    {
        if (graph.Handle == 0)
            graph.Handle = device.Graphs.Add(graph);
        return graph.Handle;
    }
}
