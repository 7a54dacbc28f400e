using System.Diagnostics.CodeAnalysis;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

// Memory that other code lends, and the order of work with other code's streams.
public sealed partial class CudaBackend
{
    internal override DLDevice MemoryDevice =>
        new() { device_type = DLDeviceType.kDLCUDA, device_id = Context.Device.Index };

    internal override bool Reaches(DLDevice device) =>
        device.device_type == DLDeviceType.kDLCUDAManaged
        || (device.device_type == DLDeviceType.kDLCUDA && device.device_id == Context.Device.Index);

    internal override long? StreamNumber => NumberOf((nint)Stream.Handle.Value);

    internal override void WaitForStream(long stream)
    {
        if (!IsOther(stream))
            return;
        RequireNotRecording(
            "waiting for other code's stream cannot be part of a captured step: put it before the step"
        );
        using CudaStream theirs = CudaStream.Attach(Context, (nint)stream);
        using CudaEvent queued = Context.CreateEvent();
        queued.Record(theirs);
        Stream.Wait(queued);
    }

    internal override void LetStreamWait(long? stream)
    {
        // Other code that says none may work on the legacy default stream.
        long number = stream ?? Layers.StreamNumber.LegacyDefault;
        if (!IsOther(number))
            return;
        RequireNotRecording(
            "letting other code's stream wait cannot be part of a captured step: put it behind the step"
        );
        using CudaStream theirs = CudaStream.Attach(Context, (nint)number);
        using CudaEvent queued = Context.CreateEvent();
        queued.Record(Stream);
        theirs.Wait(queued);
    }

    private protected override object? BlockOf(nint address, long count) =>
        DeviceBuffer<float>.Wrap(Context, address, count);

    [SuppressMessage(
        "Design",
        "CA1031:Do not catch general exception types",
        Justification = "The memory goes back whatever happened to the other stream."
    )]
    private protected override bool EndsUse(DlPackLease lease)
    {
        // A backend that is disposed has waited for its work.
        if (IsDisposed)
            return true;
        try
        {
            if (Stream.IsCapturing)
                return false;
            if (lease.Stream is { } stream)
            {
                LetStreamWait(stream);
                return true;
            }
        }
        catch (Exception)
        {
            // The other stream may be gone, and cannot wait any more: the host does.
        }
        WaitForWork();
        return true;
    }

    private protected override void EndAllUse()
    {
        if (HasLentMemory)
            WaitForWork();
    }

    [SuppressMessage(
        "Design",
        "CA1031:Do not catch general exception types",
        Justification = "The memory goes back whatever happened to the device, which later calls tell."
    )]
    private void WaitForWork()
    {
        try
        {
            Stream.Synchronize();
        }
        catch (Exception)
        {
            // Nothing runs in a context that is lost.
        }
    }

    // Work on one stream is in order as it is.
    private bool IsOther(long stream)
    {
        Layers.StreamNumber.Require(stream);
        return stream != Layers.StreamNumber.None && stream != StreamNumber;
    }

    // The driver's handle 0 is the legacy default stream, which the array API calls 1.
    private static long NumberOf(nint handle) =>
        handle == 0 ? Layers.StreamNumber.LegacyDefault : handle;
}
