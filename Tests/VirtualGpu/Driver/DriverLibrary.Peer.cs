using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's access between devices, and copies between contexts. (CUDA driver API, "Peer Context Memory Access".)
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuDeviceCanAccessPeer")]
    [Since(4000)]
    private static CUresult cuDeviceCanAccessPeer(
        int* canAccessPeer,
        CUdevice dev,
        CUdevice peerDev
    ) =>
        OfDevices(
            nameof(cuDeviceCanAccessPeer),
            dev,
            peerDev,
            device =>
            {
                NeedOut(canAccessPeer, nameof(cuDeviceCanAccessPeer), nameof(canAccessPeer));
                *canAccessPeer = CanAccess(device, dev.Value, peerDev.Value) ? 1 : 0;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetP2PAttribute")]
    [Since(8000)]
    private static CUresult cuDeviceGetP2PAttribute(
        int* value,
        CUdevice_P2PAttribute attrib,
        CUdevice srcDevice,
        CUdevice dstDevice
    ) =>
        OfDevices(
            nameof(cuDeviceGetP2PAttribute),
            srcDevice,
            dstDevice,
            device =>
            {
                const string call = nameof(cuDeviceGetP2PAttribute);
                NeedOut(value, call, nameof(value));
                if (srcDevice == dstDevice)
                    return CUresult.CUDA_ERROR_INVALID_DEVICE;
                if (!Enum.IsDefined(attrib))
                    return Bad(device, call, nameof(attrib), $"{attrib}");
                *value =
                    attrib != CUdevice_P2PAttribute.CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK
                    && CanAccess(device, srcDevice.Value, dstDevice.Value)
                        ? 1
                        : 0;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxEnablePeerAccess")]
    [Since(4000)]
    private static CUresult cuCtxEnablePeerAccess(CUcontext peerContext, uint Flags) =>
        Unsafe(
            nameof(cuCtxEnablePeerAccess),
            (device, context) =>
            {
                const string call = nameof(cuCtxEnablePeerAccess);
                if (Peer(device, context, peerContext, call) is not { } peer)
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                if (Flags != 0)
                    return Bad(device, call, nameof(Flags), $"{Flags}; there is 0 alone");
                if (!CanAccess(device, context.Ordinal, peer.Ordinal))
                    return CUresult.CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
                return context.Peers.Add(peer)
                    ? Success
                    : CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuCtxDisablePeerAccess")]
    [Since(4000)]
    private static CUresult cuCtxDisablePeerAccess(CUcontext peerContext) =>
        Unsafe(
            nameof(cuCtxDisablePeerAccess),
            (device, context) =>
                Peer(device, context, peerContext, nameof(cuCtxDisablePeerAccess)) is not { } peer
                    ? CUresult.CUDA_ERROR_INVALID_CONTEXT
                : context.Peers.Remove(peer) ? Success
                : CUresult.CUDA_ERROR_PEER_ACCESS_NOT_ENABLED
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemcpyPeerAsync")]
    [Since(4000)]
    private static CUresult cuMemcpyPeerAsync(
        CUdeviceptr dstDevice,
        CUcontext dstContext,
        CUdeviceptr srcDevice,
        CUcontext srcContext,
        nuint ByteCount,
        CUstream hStream
    ) =>
        Later(
            nameof(cuMemcpyPeerAsync),
            ByteCount,
            hStream,
            (device, stream) =>
            {
                const string call = nameof(cuMemcpyPeerAsync);
                if (
                    Owner(device, stream, dstContext, call, nameof(dstContext)) is not { } to
                    || Owner(device, stream, srcContext, call, nameof(srcContext)) is not { } from
                )
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                CopyWork.PeerToPeer(
                    device,
                    stream,
                    call,
                    ((nint)dstDevice.Value, to),
                    ((nint)srcDevice.Value, from),
                    (long)ByteCount
                );
                return Success;
            }
        );

    /// <summary>A call about two devices.</summary>
    private static CUresult OfDevices(
        string call,
        CUdevice one,
        CUdevice other,
        Func<VirtualDevice, CUresult> body
    ) =>
        OfDevice(
            call,
            one,
            device =>
                other.Value >= 0 && other.Value < device.Options.DeviceCount
                    ? body(device)
                    : CUresult.CUDA_ERROR_INVALID_DEVICE
        );

    private static bool CanAccess(VirtualDevice device, int one, int other) =>
        one != other && device.Options.CanAccessPeer(one, other);

    /// <summary>Another context of the same process; null, and a fault recorded, where it is none.</summary>
    private static VirtualContext? Peer(
        VirtualDevice device,
        VirtualContext context,
        CUcontext handle,
        string call
    )
    {
        VirtualContext? peer = device.Contexts.Find(handle.Value, call, "peerContext");
        if (peer is null)
            return null;
        if (peer != context && peer.Process == context.Process)
            return peer;
        device.Record(
            FaultKind.BadArgument,
            call,
            "peerContext",
            handle.Value,
            peer == context ? "this is the current context" : "this is another process's context"
        );
        return null;
    }

    /// <summary>The context that memory is said to belong to; null, and a fault recorded, where it is none of this process.</summary>
    private static VirtualContext? Owner(
        VirtualDevice device,
        VirtualStream stream,
        CUcontext handle,
        string call,
        string argument
    )
    {
        VirtualContext? owner = device.Contexts.Find(handle.Value, call, argument);
        if (owner is null || owner.Process == stream.Context.Process)
            return owner;
        device.Record(
            FaultKind.BadArgument,
            call,
            argument,
            handle.Value,
            "this is another process's context"
        );
        return null;
    }
}
