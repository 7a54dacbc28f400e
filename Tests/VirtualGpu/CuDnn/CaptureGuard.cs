using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Calls of libraries that must not happen while a stream is captured.</summary>
internal static class CaptureGuard
{
    /// <summary>Spoils the captures that a call is unsafe for: one that allocates, waits or loads code.</summary>
    /// <exception cref="VirtualStatusException">There was one.</exception>
    public static void Refuse(VirtualDevice device, string call)
    {
        if (device.ThreadCaptureMode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
            return;
        VirtualCapture[] spoilt =
        [
            .. device.Captures.Where(c =>
                c.Mode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
                || c.Mode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
                    && c.Thread == Environment.CurrentManagedThreadId
            ),
        ];
        foreach (VirtualCapture capture in spoilt)
            capture.Invalidate(call);
        if (spoilt.Length > 0)
            throw new VirtualStatusException(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }

    /// <summary>Spoils the capture that a stream belongs to, if it does.</summary>
    /// <exception cref="VirtualStatusException">It did.</exception>
    public static void Refuse(VirtualStream stream, string why)
    {
        if (!stream.IsCapturing)
            return;
        stream.InvalidateCapture(why);
        throw new VirtualStatusException(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
}
