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
        const string name = "copy host to device";
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
        byte[] staged = new ReadOnlySpan<byte>((void*)from, checked((int)bytes)).ToArray();
        return stream.Submit(
            Memcpy,
            name,
            () =>
            {
                fixed (byte* data = staged)
                    Put(data);
            }
        );

        void Put(byte* data)
        {
            Buffer.MemoryCopy(data, Target(device, to, bytes, name), bytes, bytes);
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
                for (long at = 0; at < bytes; at += Chunk)
                {
                    long count = Math.Min(Chunk, bytes - at);
                    fixed (
                        byte* data = device.Memory.Read<byte>(
                            from + (nint)at,
                            count,
                            name,
                            "srcDevice"
                        )
                    )
                        Buffer.MemoryCopy(data, (byte*)to + at, count, count);
                }
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
                for (long at = 0; at < count; at += Chunk)
                    device
                        .Memory.Write<T>(
                            to + (nint)at * sizeof(T),
                            Math.Min(Chunk, count - at),
                            name,
                            "dstDevice"
                        )
                        .Fill(value);
                device.Counts.BytesFilled += count * sizeof(T);
            }
        );
    }

    // A span holds no more than an int can count.
    private const long Chunk = 1 << 30;

    /// <summary>Checks what a call can see of device memory: that it is allocated, and this context's.</summary>
    /// <exception cref="VirtualFaultException">It is not.</exception>
    private static void CheckDevice(
        VirtualDevice device,
        VirtualStream stream,
        nint address,
        long bytes,
        string call,
        string argument
    )
    {
        DeviceAllocation? allocation = device.Memory.At(address);
        (FaultKind Kind, string Detail)? wrong = allocation is null
            ? Pinned(device, address, bytes, call, argument) is null
                ? (FaultKind.OutOfBounds, "this is no address of the device")
                : null
            : allocation.Released
                ? (FaultKind.UseAfterFree, "this memory is freed")
                : address - allocation.Address + bytes > allocation.Bytes
                    ? (
                        FaultKind.OutOfBounds,
                        $"{bytes} bytes end {address - allocation.Address + bytes - allocation.Bytes} behind the end of 0x{allocation.Address:x} ({allocation.Bytes} bytes)"
                    )
                    : allocation.Context != stream.Context
                        ? (FaultKind.OtherContext, "this memory is another context's")
                        : null;
        if (wrong is { } fault)
            throw new VirtualFaultException(new(fault.Kind, call, argument, address, fault.Detail));
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
        HostBlock? block = device.Host.At(address);
        (FaultKind Kind, string Detail)? wrong =
            address == 0 ? (FaultKind.BadArgument, "null")
            : address >= DeviceMemory.Base
                ? (FaultKind.BadArgument, "this is no address of the host")
            : block is null
                ? device.Host.WasFreed(address)
                        ? (FaultKind.UseAfterFree, "this pinned memory is freed")
                    : null
            : address - block.Address + bytes > block.Bytes
                ? (
                    FaultKind.OutOfBounds,
                    $"{bytes} bytes leave the {block.Bytes} pinned bytes at 0x{block.Address:x}"
                )
            : null;
        if (wrong is { } fault)
            throw new VirtualFaultException(new(fault.Kind, call, argument, address, fault.Detail));
        return block;
    }

    private static void CheckPinned(HostBlock block, nint address, string call, string argument)
    {
        if (block.Released)
            throw new VirtualFaultException(
                new(
                    FaultKind.UseAfterFree,
                    call,
                    argument,
                    address,
                    "this pinned memory was freed before the copy ran"
                )
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

    /// <summary>Where bytes go, which count as written; there may be more than a span holds.</summary>
    private static byte* Target(VirtualDevice device, nint to, long bytes, string name)
    {
        for (long at = 0; at < bytes; at += Chunk)
            device.Memory.Write<byte>(
                to + (nint)at,
                Math.Min(Chunk, bytes - at),
                name,
                "dstDevice"
            );
        return device.Memory.Locate(to, bytes, name, "dstDevice", out _);
    }
}
