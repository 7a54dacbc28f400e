using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Taking device memory and giving it back, at once or in stream order.</summary>
internal static class MemoryWork
{
    /// <summary>Bytes that no one holds; pools hold what they have not given back.</summary>
    public static long Free(VirtualDevice device, int ordinal = 0) =>
        device.Options.TotalMemory
        - device
            .Memory.Live.Where(a =>
                a is { Pool: null, Foreign: null } && a.Context.Ordinal == ordinal
            )
            .Sum(a => a.Bytes)
        - device.Pools.Objects.Where(p => p.Ordinal == ordinal).Sum(p => p.Reserved);

    /// <summary>Takes memory; the stream is null for memory that is there at once.</summary>
    public static CUresult Take(
        VirtualDevice device,
        VirtualContext context,
        long bytes,
        VirtualPool? pool,
        VirtualStream? stream,
        out nint address
    )
    {
        address = 0;
        if (device.AllocationFails() || !Fits(device, context.Ordinal, bytes, pool))
            return CUresult.CUDA_ERROR_OUT_OF_MEMORY;
        DeviceAllocation allocation = device.Memory.Reserve(bytes, context, pool);
        pool?.Take(bytes);
        if (stream is null)
            allocation.Begin();
        else
            allocation.Begun = stream.Submit(
                CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEM_ALLOC,
                "memory allocation",
                allocation.Begin
            );
        address = allocation.Address;
        return CUresult.CUDA_SUCCESS;
    }

    /// <summary>The allocation that begins at an address; null, and a fault recorded, where there is none.</summary>
    public static DeviceAllocation? ToFree(
        VirtualDevice device,
        VirtualContext context,
        nint address,
        string call
    )
    {
        DeviceAllocation? allocation = device.Memory.At(address);
        (FaultKind Kind, string Detail)? wrong =
            allocation is null ? (FaultKind.OutOfBounds, "this is no address of the device")
            : allocation.Address != address
                ? (FaultKind.OutOfBounds, $"0x{allocation.Address:x} is where this memory begins")
            : allocation.Released ? (FaultKind.DoubleFree, "this memory is freed already")
            : allocation.Foreign is SharedMemory
                ? (FaultKind.BadArgument, "this memory was opened; cuIpcCloseMemHandle closes it")
            : allocation.Context != context
                ? (FaultKind.OtherContext, "this memory is another context's")
            : null;
        if (wrong is not { } fault)
            return allocation;
        // Memory of a device that is gone is freed by a finalizer that came late.
        if (address >= device.Memory.FirstAddress || address < (nint)0x10000)
            device.Record(fault.Kind, call, "dptr", address, fault.Detail);
        return null;
    }

    /// <summary>Gives memory back that is not of a pool: waits for all work, as is documented for it.</summary>
    public static void Give(VirtualDevice device, DeviceAllocation allocation)
    {
        if (allocation.Pool is null)
            device.Work.WaitAll();
        // Of stream-ordered memory the caller has to know that its work is done; only its begin is waited for.
        else if (allocation.Begun is { Done: false } begun)
            device.Work.Wait(begun);
        device.Memory.Release(allocation);
        End(allocation);
    }

    /// <summary>Gives memory back in stream order.</summary>
    public static void GiveLater(
        VirtualDevice device,
        DeviceAllocation allocation,
        VirtualStream stream
    )
    {
        device.Memory.Release(allocation);
        stream.Submit(
            CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEM_FREE,
            "memory release",
            () =>
            {
                if (!allocation.Live)
                    throw new VirtualFaultException(
                        new(
                            FaultKind.UseAfterFree,
                            "cuMemFreeAsync",
                            "dptr",
                            allocation.Address,
                            "this memory is not allocated yet in stream order"
                        )
                    );
                End(allocation);
            }
        );
    }

    private static void End(DeviceAllocation allocation)
    {
        if (allocation.Live || allocation.Foreign is not null)
            allocation.End();
        allocation.Pool?.Give(allocation.Bytes);
    }

    private static bool Fits(VirtualDevice device, int ordinal, long bytes, VirtualPool? pool)
    {
        if (Room())
            return true;
        // As the driver does before it gives up: waits for releases, and empties the pools.
        device.Work.WaitAll();
        foreach (VirtualPool other in device.Pools.Objects)
            other.Trim(0);
        return Room();

        bool Room() =>
            (pool is null or { Maximum: 0 } || pool.Used + bytes <= pool.Maximum)
            && (pool?.Growth(bytes) ?? bytes) <= Free(device, ordinal);
    }
}
