using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Copies and fills. What can be checked is checked by the call, the rest when the work runs.</summary>
internal static unsafe class CopyWork
{
    private const CUgraphNodeType Memcpy = CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMCPY;

    /// <summary>Copies from the host. Pinned memory is read when the work runs, other memory by the call.</summary>
    public static WorkItem? HostToDevice(
        VirtualDevice device,
        VirtualStream stream,
        string call,
        nint to,
        nint from,
        long bytes
    )
    {
        CheckDevice(device, stream, to, bytes, call, "dstDevice");
        const string name = GraphNode.HostCopy;
        if (Pinned(device, from, bytes, call, "srcHost") is { } pinned)
            return stream.Submit(
                Memcpy,
                name,
                () =>
                {
                    CheckPinned(pinned, from, name, "srcHost");
                    Put((byte*)from);
                }
            );
        RefusePageable(stream, call);
        var staged = new StagedBytes((byte*)from, bytes);
        return stream.Submit(
            Memcpy,
            name,
            () =>
            {
                Put(staged.Data);
                GC.KeepAlive(staged);
            }
        );

        void Put(byte* data)
        {
            byte* target = device.Memory.Bytes(to, bytes, name, "dstDevice", false, true);
            Buffer.MemoryCopy(data, target, bytes, bytes);
            device.Counts.BytesHostToDevice += bytes;
        }
    }

    /// <summary>Copies to the host.</summary>
    /// <returns>Whether the host's memory is pinned: if not, the call has to wait.</returns>
    public static bool DeviceToHost(
        VirtualDevice device,
        VirtualStream stream,
        string call,
        nint to,
        nint from,
        long bytes,
        out WorkItem? item
    )
    {
        CheckDevice(device, stream, from, bytes, call, "srcDevice");
        const string name = "copy device to host";
        HostBlock? pinned = Pinned(device, to, bytes, call, "dstHost");
        if (pinned is null)
            RefusePageable(stream, call);
        item = stream.Submit(
            Memcpy,
            name,
            () =>
            {
                if (pinned is not null)
                    CheckPinned(pinned, to, name, "dstHost");
                byte* data = device.Memory.Bytes(from, bytes, name, "srcDevice", true, false);
                Buffer.MemoryCopy(data, (byte*)to, bytes, bytes);
                device.Counts.BytesDeviceToHost += bytes;
            }
        );
        return pinned is not null;
    }

    public static WorkItem? DeviceToDevice(
        VirtualDevice device,
        VirtualStream stream,
        string call,
        nint to,
        nint from,
        long bytes
    )
    {
        CheckDevice(device, stream, to, bytes, call, "dstDevice");
        CheckDevice(device, stream, from, bytes, call, "srcDevice");
        if (to != from && to < from + (nint)bytes && from < to + (nint)bytes)
            throw Wrong(FaultKind.BadArgument, call, "dstDevice", to, "the two ranges overlap");
        const string name = "copy device to device";
        return stream.Submit(
            Memcpy,
            name,
            () =>
            {
                device.Memory.Copy(to, from, bytes, name);
                device.Counts.BytesDeviceToDevice += bytes;
            }
        );
    }

    /// <summary>Copies between memory of two contexts, which need not reach each other.</summary>
    public static WorkItem? PeerToPeer(
        VirtualDevice device,
        VirtualStream stream,
        string call,
        (nint Address, VirtualContext Context) to,
        (nint Address, VirtualContext Context) from,
        long bytes
    )
    {
        CheckDevice(device, stream, to.Address, bytes, call, "dstDevice", to.Context);
        CheckDevice(device, stream, from.Address, bytes, call, "srcDevice", from.Context);
        const string name = "copy peer to peer";
        return stream.Submit(
            Memcpy,
            name,
            () =>
            {
                device.Memory.Copy(to.Address, from.Address, bytes, name, to.Context, from.Context);
                device.Counts.BytesDeviceToDevice += bytes;
            }
        );
    }

    public static WorkItem? Fill<T>(
        VirtualDevice device,
        VirtualStream stream,
        string call,
        nint to,
        T value,
        long count
    )
        where T : unmanaged
    {
        CheckDevice(device, stream, to, checked(count * sizeof(T)), call, "dstDevice");
        if (to % sizeof(T) != 0)
            throw new VirtualFaultException(
                new(FaultKind.Misaligned, call, "dstDevice", to, $"no multiple of {sizeof(T)}")
            );
        const string name = "fill";
        return stream.Submit(
            CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMSET,
            name,
            () =>
            {
                T* target = (T*)
                    device.Memory.Bytes(to, count * sizeof(T), name, "dstDevice", false, true);
                for (long at = 0; at < count; at++)
                    target[at] = value;
                device.Counts.BytesFilled += count * sizeof(T);
            }
        );
    }

    /// <summary>Checks what a call can see of device memory: that it is allocated, and the stream's context's or that which is said.</summary>
    /// <exception cref="VirtualFaultException">It is not.</exception>
    private static void CheckDevice(
        VirtualDevice device,
        VirtualStream stream,
        nint address,
        long bytes,
        string call,
        string argument,
        VirtualContext? owner = null
    )
    {
        DeviceAllocation? allocation = device.Memory.At(address);
        if (allocation is null)
        {
            // The device reaches pinned host memory as well.
            if (device.Host.At(address) is null && !device.Host.WasFreed(address))
                throw Wrong(
                    FaultKind.OutOfBounds,
                    call,
                    argument,
                    address,
                    "this is no address of the device"
                );
            _ = Pinned(device, address, bytes, call, argument);
            return;
        }
        long over = address - allocation.Address + bytes - allocation.Bytes;
        if (allocation.Released)
            throw Wrong(FaultKind.UseAfterFree, call, argument, address, "this memory is freed");
        if (over > 0)
            throw Wrong(
                FaultKind.OutOfBounds,
                call,
                argument,
                address,
                $"{bytes} bytes end {over} behind the end of 0x{allocation.Address:x} ({allocation.Bytes} bytes)"
            );
        if (!(owner ?? stream.Context).Reaches(allocation.Context))
            throw Wrong(
                FaultKind.OtherContext,
                call,
                argument,
                address,
                "this memory is another context's"
            );
    }

    /// <summary>The pinned block that host memory lies in; null for pageable memory.</summary>
    /// <exception cref="VirtualFaultException">It is null, was freed, or leaves its block.</exception>
    private static HostBlock? Pinned(
        VirtualDevice device,
        nint address,
        long bytes,
        string call,
        string argument
    )
    {
        if (address == 0 || address >= DeviceMemory.Base)
            throw Wrong(
                FaultKind.BadArgument,
                call,
                argument,
                address,
                "this is no address of the host"
            );
        HostBlock? block = device.Host.At(address);
        if (block is null && device.Host.WasFreed(address))
            throw Wrong(
                FaultKind.UseAfterFree,
                call,
                argument,
                address,
                "this pinned memory is freed"
            );
        if (block is not null && address - block.Address + bytes > block.Bytes)
            throw Wrong(
                FaultKind.OutOfBounds,
                call,
                argument,
                address,
                $"{bytes} bytes leave the {block.Bytes} pinned bytes at 0x{block.Address:x}"
            );
        return block;
    }

    private static void CheckPinned(HostBlock block, nint address, string call, string argument)
    {
        if (block.Released)
            throw Wrong(
                FaultKind.UseAfterFree,
                call,
                argument,
                address,
                "this pinned memory was freed before the copy ran"
            );
    }

    /// <summary>A copy of pageable memory may wait, which a capture cannot.</summary>
    private static void RefusePageable(VirtualStream stream, string call)
    {
        if (stream.Capture is not { } capture)
            return;
        capture.RequireActive();
        capture.Invalidate($"{call} with pageable host memory");
        throw new VirtualStatusException(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }

    private static VirtualFaultException Wrong(
        FaultKind kind,
        string call,
        string argument,
        nint address,
        string detail
    ) => new(new VirtualFault(kind, call, argument, address, detail));
}
