using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The virtual CUDA driver; its parts are the tables of Native/Driver.</summary>
internal static unsafe partial class DriverLibrary
{
    public static IReadOnlyList<NativeExport> Exports { get; } =
        NativeExport.Of(typeof(DriverLibrary));

    private const CUresult Success = CUresult.CUDA_SUCCESS;

    /// <summary>A call that works before cuInit.</summary>
    private static CUresult Plain(string call, Func<VirtualDevice, CUresult> body) =>
        VirtualCall.Run(
            call,
            CUresult.CUDA_ERROR_DEINITIALIZED,
            CUresult.CUDA_ERROR_INVALID_VALUE,
            body
        );

    /// <summary>A call that needs cuInit, and works after a fault too.</summary>
    private static CUresult Started(string call, Func<VirtualDevice, CUresult> body) =>
        Plain(call, device => device.Started ? body(device) : CUresult.CUDA_ERROR_NOT_INITIALIZED);

    /// <summary>A call about the device of a number.</summary>
    private static CUresult OfDevice(
        string call,
        CUdevice dev,
        Func<VirtualDevice, CUresult> body
    ) =>
        Started(
            call,
            device =>
                dev.Value >= 0 && dev.Value < device.Options.DeviceCount
                    ? body(device)
                    : CUresult.CUDA_ERROR_INVALID_DEVICE
        );

    /// <summary>A call that needs a current context, and fails after a fault.</summary>
    private static CUresult InContext(
        string call,
        Func<VirtualDevice, VirtualContext, CUresult> body
    ) =>
        Started(
            call,
            device =>
                device.IsPoisoned ? device.Sticky
                : device.CurrentContext is not { } context ? CUresult.CUDA_ERROR_INVALID_CONTEXT
                : context.IsDestroyed ? CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED
                : body(device, context)
        );

    /// <summary>A call that spoils captures whose mode forbids unsafe calls.</summary>
    private static CUresult Unsafe(
        string call,
        Func<VirtualDevice, VirtualContext, CUresult> body
    ) =>
        InContext(
            call,
            (device, context) =>
            {
                RefuseUnsafe(device, call);
                return body(device, context);
            }
        );

    /// <summary>A call about a stream.</summary>
    private static CUresult OnStream(
        string call,
        CUstream handle,
        Func<VirtualDevice, VirtualStream, CUresult> body
    ) =>
        InContext(
            call,
            (device, _) =>
                VirtualStream.Resolve(handle.Value, call) is { } stream
                    ? body(device, stream)
                    : CUresult.CUDA_ERROR_INVALID_HANDLE
        );

    /// <summary>A call about an object.</summary>
    private static CUresult With<T>(
        string call,
        nint handle,
        Func<VirtualDevice, HandleTable<T>> table,
        Func<VirtualDevice, T, CUresult> body
    )
        where T : class =>
        InContext(
            call,
            (device, _) =>
                table(device).Find(handle, call, typeof(T).Name) is { } value
                    ? body(device, value)
                    : CUresult.CUDA_ERROR_INVALID_HANDLE
        );

    /// <summary>An argument that the documentation forbids.</summary>
    private static CUresult Bad(
        VirtualDevice device,
        string call,
        string argument,
        string detail,
        nint value = 0
    )
    {
        device.Record(FaultKind.BadArgument, call, argument, value, detail);
        return CUresult.CUDA_ERROR_INVALID_VALUE;
    }

    /// <exception cref="VirtualFaultException">The address is null.</exception>
    private static void NeedOut(void* address, string call, string argument)
    {
        if (address == null)
            throw new VirtualFaultException(
                new(FaultKind.BadArgument, call, argument, 0, "nowhere to put the answer")
            );
    }

    /// <summary>Spoils the captures that forbid an unsafe call of this thread.</summary>
    /// <exception cref="VirtualStatusException">There is such a capture.</exception>
    private static void RefuseUnsafe(VirtualDevice device, string call)
    {
        CUstreamCaptureMode mode = device.ThreadCaptureMode;
        if (mode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
            return;
        int thread = Environment.CurrentManagedThreadId;
        Spoil(
            device.Captures.Where(c =>
                c.Thread == thread
                    ? c.Mode != CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
                    : mode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
                        && c.Mode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
            ),
            call
        );
    }

    /// <exception cref="VirtualStatusException">There is a capture to spoil.</exception>
    private static void Spoil(IEnumerable<VirtualCapture> captures, string call)
    {
        bool any = false;
        foreach (VirtualCapture capture in captures)
        {
            any = true;
            capture.Invalidate(call);
        }
        if (any)
            throw new VirtualStatusException(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }

    /// <summary>After the host has waited: pools give memory back, and errors of the work come out.</summary>
    private static CUresult Waited(VirtualDevice device)
    {
        foreach (VirtualPool pool in device.Pools.Objects)
            pool.Trim((long)pool.Settings[CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD]);
        return device.Sticky;
    }
}
