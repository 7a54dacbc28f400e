using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's copies and fills, blocking and asynchronous. (CUDA driver API, "API synchronization behavior".)
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuMemcpyHtoD_v2")]
    [Since(3020)]
    private static CUresult cuMemcpyHtoD(CUdeviceptr dstDevice, void* srcHost, nuint ByteCount) =>
        Blocking(
            nameof(cuMemcpyHtoD),
            ByteCount,
            writesOnly: true,
            (device, stream) =>
            {
                bool pinned = device.Host.At((nint)srcHost) is not null;
                WorkItem? item = CopyWork.HostToDevice(
                    device,
                    stream,
                    nameof(cuMemcpyHtoD),
                    (nint)dstDevice.Value,
                    (nint)srcHost,
                    (long)ByteCount
                );
                // Of pageable memory the call may return when it was staged, before it is on the device.
                if (!pinned && device.Random.Next(2) == 0)
                    return Success;
                device.Work.Wait(item);
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemcpyDtoH_v2")]
    [Since(3020)]
    private static CUresult cuMemcpyDtoH(void* dstHost, CUdeviceptr srcDevice, nuint ByteCount) =>
        Blocking(
            nameof(cuMemcpyDtoH),
            ByteCount,
            writesOnly: false,
            (device, stream) =>
            {
                CopyWork.DeviceToHost(
                    device,
                    stream,
                    nameof(cuMemcpyDtoH),
                    (nint)dstHost,
                    (nint)srcDevice.Value,
                    (long)ByteCount,
                    out WorkItem? item
                );
                device.Work.Wait(item);
                return Waited(device);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemcpyDtoD_v2")]
    [Since(3020)]
    private static CUresult cuMemcpyDtoD(
        CUdeviceptr dstDevice,
        CUdeviceptr srcDevice,
        nuint ByteCount
    ) =>
        Blocking(
            nameof(cuMemcpyDtoD),
            ByteCount,
            writesOnly: false,
            (device, stream) =>
            {
                // The host does not wait for it.
                CopyWork.DeviceToDevice(
                    device,
                    stream,
                    nameof(cuMemcpyDtoD),
                    (nint)dstDevice.Value,
                    (nint)srcDevice.Value,
                    (long)ByteCount
                );
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemcpyHtoDAsync_v2")]
    [Since(3020)]
    private static CUresult cuMemcpyHtoDAsync(
        CUdeviceptr dstDevice,
        void* srcHost,
        nuint ByteCount,
        CUstream hStream
    ) =>
        Later(
            nameof(cuMemcpyHtoDAsync),
            ByteCount,
            hStream,
            (device, stream) =>
            {
                CopyWork.HostToDevice(
                    device,
                    stream,
                    nameof(cuMemcpyHtoDAsync),
                    (nint)dstDevice.Value,
                    (nint)srcHost,
                    (long)ByteCount
                );
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemcpyDtoHAsync_v2")]
    [Since(3020)]
    private static CUresult cuMemcpyDtoHAsync(
        void* dstHost,
        CUdeviceptr srcDevice,
        nuint ByteCount,
        CUstream hStream
    ) =>
        Later(
            nameof(cuMemcpyDtoHAsync),
            ByteCount,
            hStream,
            (device, stream) =>
                ToHost(
                    device,
                    stream,
                    nameof(cuMemcpyDtoHAsync),
                    (nint)dstHost,
                    (nint)srcDevice.Value,
                    (long)ByteCount
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemcpyDtoDAsync_v2")]
    [Since(3020)]
    private static CUresult cuMemcpyDtoDAsync(
        CUdeviceptr dstDevice,
        CUdeviceptr srcDevice,
        nuint ByteCount,
        CUstream hStream
    ) =>
        Later(
            nameof(cuMemcpyDtoDAsync),
            ByteCount,
            hStream,
            (device, stream) =>
            {
                CopyWork.DeviceToDevice(
                    device,
                    stream,
                    nameof(cuMemcpyDtoDAsync),
                    (nint)dstDevice.Value,
                    (nint)srcDevice.Value,
                    (long)ByteCount
                );
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemsetD8_v2")]
    [Since(3020)]
    private static CUresult cuMemsetD8(CUdeviceptr dstDevice, byte uc, nuint N) =>
        Blocking(
            nameof(cuMemsetD8),
            N,
            writesOnly: true,
            (d, s) => Fill(d, s, nameof(cuMemsetD8), dstDevice, uc, N)
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemsetD32_v2")]
    [Since(3020)]
    private static CUresult cuMemsetD32(CUdeviceptr dstDevice, uint ui, nuint N) =>
        Blocking(
            nameof(cuMemsetD32),
            N,
            writesOnly: true,
            (d, s) => Fill(d, s, nameof(cuMemsetD32), dstDevice, ui, N)
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemsetD8Async")]
    [Since(3020)]
    private static CUresult cuMemsetD8Async(
        CUdeviceptr dstDevice,
        byte uc,
        nuint N,
        CUstream hStream
    ) =>
        Later(
            nameof(cuMemsetD8Async),
            N,
            hStream,
            (d, s) => Fill(d, s, nameof(cuMemsetD8Async), dstDevice, uc, N)
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemsetD16Async")]
    [Since(3020)]
    private static CUresult cuMemsetD16Async(
        CUdeviceptr dstDevice,
        ushort us,
        nuint N,
        CUstream hStream
    ) =>
        Later(
            nameof(cuMemsetD16Async),
            N,
            hStream,
            (d, s) => Fill(d, s, nameof(cuMemsetD16Async), dstDevice, us, N)
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemsetD32Async")]
    [Since(3020)]
    private static CUresult cuMemsetD32Async(
        CUdeviceptr dstDevice,
        uint ui,
        nuint N,
        CUstream hStream
    ) =>
        Later(
            nameof(cuMemsetD32Async),
            N,
            hStream,
            (d, s) => Fill(d, s, nameof(cuMemsetD32Async), dstDevice, ui, N)
        );

    /// <summary>
    /// A copy or fill without a stream: it goes into the legacy default stream. What only writes to the device runs
    /// while streams are captured that the default stream does not wait for. Nobody has measured what becomes of the others;
    /// they are held to be unsafe, the stricter answer.
    /// </summary>
    private static CUresult Blocking(
        string call,
        nuint count,
        bool writesOnly,
        Func<VirtualDevice, VirtualStream, CUresult> body
    ) =>
        InContext(
            call,
            (device, context) =>
            {
                context.Legacy.RefuseImplicitCapture(call);
                if (!writesOnly)
                    RefuseUnsafe(device, call);
                return count == 0 ? Success : body(device, context.Legacy);
            }
        );

    private static CUresult Later(
        string call,
        nuint count,
        CUstream stream,
        Func<VirtualDevice, VirtualStream, CUresult> body
    ) => OnStream(call, stream, (device, s) => count == 0 ? Success : body(device, s));

    private static CUresult ToHost(
        VirtualDevice device,
        VirtualStream stream,
        string call,
        nint to,
        nint from,
        long bytes
    )
    {
        if (CopyWork.DeviceToHost(device, stream, call, to, from, bytes, out WorkItem? item))
            return Success;
        // The documentation promises that a copy to pageable memory is over when the call returns.
        device.Work.Wait(item);
        return Waited(device);
    }

    private static CUresult Fill<T>(
        VirtualDevice device,
        VirtualStream stream,
        string call,
        CUdeviceptr to,
        T value,
        nuint count
    )
        where T : unmanaged
    {
        CopyWork.Fill(device, stream, call, (nint)to.Value, value, checked((long)count));
        return Success;
    }
}
