using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's stream-ordered allocations and the memory pools that they come from.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuMemAllocAsync")]
    [Since(11020)]
    private static CUresult cuMemAllocAsync(CUdeviceptr* dptr, nuint bytesize, CUstream hStream) =>
        OnStream(
            nameof(cuMemAllocAsync),
            hStream,
            (device, stream) =>
                TakeFrom(
                    device,
                    nameof(cuMemAllocAsync),
                    dptr,
                    bytesize,
                    device.Cards[stream.Context.Ordinal].Pool,
                    stream
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemAllocFromPoolAsync")]
    [Since(11020)]
    private static CUresult cuMemAllocFromPoolAsync(
        CUdeviceptr* dptr,
        nuint bytesize,
        CUmemoryPool pool,
        CUstream hStream
    ) =>
        OnStream(
            nameof(cuMemAllocFromPoolAsync),
            hStream,
            (device, stream) =>
                device.Pools.Find(pool.Value, nameof(cuMemAllocFromPoolAsync), nameof(pool))
                    is { } from
                    ? TakeFrom(
                        device,
                        nameof(cuMemAllocFromPoolAsync),
                        dptr,
                        bytesize,
                        from,
                        stream
                    )
                    : CUresult.CUDA_ERROR_INVALID_VALUE
        );

    private static CUresult TakeFrom(
        VirtualDevice device,
        string call,
        CUdeviceptr* to,
        nuint bytes,
        VirtualPool pool,
        VirtualStream stream
    )
    {
        NeedOut(to, call, "dptr");
        // Unlike cuMemAlloc, which refuses them.
        if (bytes == 0)
        {
            *to = default;
            return Success;
        }
        if (stream.Capture is not { } capture)
            return TakeMemory(device, stream.Context, call, to, bytes, pool, stream);
        // The real driver makes a node of it that allocates at each launch.
        capture.Invalidate(call);
        device.Record(
            FaultKind.NotSupported,
            call,
            "hStream",
            0,
            "the virtual driver has no allocations within graphs"
        );
        return CUresult.CUDA_ERROR_NOT_SUPPORTED;
    }

    [UnmanagedCallersOnly(EntryPoint = "cuMemFreeAsync")]
    [Since(11020)]
    private static CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) =>
        OnStream(
            nameof(cuMemFreeAsync),
            hStream,
            (device, stream) =>
            {
                const string call = nameof(cuMemFreeAsync);
                if (dptr.Value == 0)
                    return Success;
                if (stream.Capture is { } capture)
                {
                    capture.RequireActive();
                    // It is refused as any wrong argument is, which does the capture no harm.
                    return Bad(
                        device,
                        call,
                        nameof(dptr),
                        "in a capture only memory that the graph allocated is freed",
                        (nint)dptr.Value
                    );
                }
                nint address = (nint)dptr.Value;
                if (MemoryWork.ToFree(device, stream.Context, address, call) is not { } allocation)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                if (allocation.Pool is null)
                    return Bad(
                        device,
                        call,
                        nameof(dptr),
                        "this memory is from cuMemAlloc",
                        address
                    );
                MemoryWork.GiveLater(device, allocation, stream);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemPoolCreate")]
    [Since(11020)]
    private static CUresult cuMemPoolCreate(CUmemoryPool* pool, CUmemPoolProps* poolProps) =>
        Started(
            nameof(cuMemPoolCreate),
            device =>
            {
                const string call = nameof(cuMemPoolCreate);
                NeedOut(pool, call, nameof(pool));
                NeedOut(poolProps, call, nameof(poolProps));
                if (device.IsPoisoned)
                    return device.Sticky;
                if (
                    poolProps->allocType != CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
                    || poolProps->location.type != CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
                    || poolProps->location.id < 0
                    || poolProps->location.id >= device.Cards.Count
                )
                    return Bad(device, call, nameof(poolProps), "not pinned on a device");
                if (poolProps->handleTypes != CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_NONE)
                    return CUresult.CUDA_ERROR_NOT_SUPPORTED;
                // 64 bytes after the named ones are reserved; usage is at 32.
                var reserved = new ReadOnlySpan<byte>((byte*)poolProps + 34, 88 - 34);
                if (reserved.ContainsAnyExcept((byte)0))
                    return Bad(device, call, nameof(poolProps), "reserved bytes are not 0");
                var made = new VirtualPool(
                    isDefault: false,
                    (long)poolProps->maxSize,
                    poolProps->location.id
                );
                made.Handle = device.Pools.Add(made);
                *pool = new CUmemoryPool(made.Handle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemPoolDestroy")]
    [Since(11020)]
    private static CUresult cuMemPoolDestroy(CUmemoryPool pool) =>
        OfPool(
            nameof(cuMemPoolDestroy),
            pool,
            (device, gone) =>
            {
                if (gone.IsDefault)
                    return Bad(
                        device,
                        nameof(cuMemPoolDestroy),
                        nameof(pool),
                        "this is the device's default pool",
                        pool.Value
                    );
                device.Pools.Remove(pool.Value, nameof(cuMemPoolDestroy), nameof(pool));
                // What was set for the device falls back to the default one.
                VirtualCard card = device.Cards[gone.Ordinal];
                if (card.Pool == gone)
                    card.Pool = card.DefaultPool;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemPoolTrimTo")]
    [Since(11020)]
    private static CUresult cuMemPoolTrimTo(CUmemoryPool pool, nuint minBytesToKeep) =>
        OfPool(
            nameof(cuMemPoolTrimTo),
            pool,
            (_, trimmed) =>
            {
                trimmed.Trim((long)Math.Min(minBytesToKeep, long.MaxValue));
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemPoolGetAttribute")]
    [Since(11020)]
    private static CUresult cuMemPoolGetAttribute(
        CUmemoryPool pool,
        CUmemPool_attribute attr,
        void* value
    ) =>
        OfPool(
            nameof(cuMemPoolGetAttribute),
            pool,
            (_, asked) =>
            {
                NeedOut(value, nameof(cuMemPoolGetAttribute), nameof(value));
                if (asked.Get(attr) is not { } found)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                if (VirtualPool.IsInt(attr))
                    *(int*)value = (int)found;
                else
                    *(ulong*)value = found;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuMemPoolSetAttribute")]
    [Since(11020)]
    private static CUresult cuMemPoolSetAttribute(
        CUmemoryPool pool,
        CUmemPool_attribute attr,
        void* value
    ) =>
        OfPool(
            nameof(cuMemPoolSetAttribute),
            pool,
            (device, changed) =>
            {
                const string call = nameof(cuMemPoolSetAttribute);
                NeedOut(value, call, nameof(value));
                ulong wanted = VirtualPool.IsInt(attr) ? (ulong)*(int*)value : *(ulong*)value;
                return changed.Set(attr, wanted)
                    ? Success
                    : Bad(device, call, nameof(attr), $"{attr} cannot be set to {wanted}");
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetDefaultMemPool")]
    [Since(11020)]
    private static CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool_out, CUdevice dev) =>
        OfDevice(
            nameof(cuDeviceGetDefaultMemPool),
            dev,
            device =>
            {
                NeedOut(pool_out, nameof(cuDeviceGetDefaultMemPool), nameof(pool_out));
                *pool_out = new CUmemoryPool(device.Cards[dev.Value].DefaultPool.Handle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceGetMemPool")]
    [Since(11020)]
    private static CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice dev) =>
        OfDevice(
            nameof(cuDeviceGetMemPool),
            dev,
            device =>
            {
                NeedOut(pool, nameof(cuDeviceGetMemPool), nameof(pool));
                *pool = new CUmemoryPool(device.Cards[dev.Value].Pool.Handle);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDeviceSetMemPool")]
    [Since(11020)]
    private static CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool pool) =>
        OfDevice(
            nameof(cuDeviceSetMemPool),
            dev,
            device =>
            {
                const string call = nameof(cuDeviceSetMemPool);
                if (device.Pools.Find(pool.Value, call, nameof(pool)) is not { } set)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                if (set.Ordinal != dev.Value)
                    return Bad(
                        device,
                        call,
                        nameof(pool),
                        "this pool is another device's",
                        pool.Value
                    );
                device.Cards[dev.Value].Pool = set;
                return Success;
            }
        );

    private static CUresult OfPool(
        string call,
        CUmemoryPool handle,
        Func<VirtualDevice, VirtualPool, CUresult> body
    ) =>
        Started(
            call,
            device =>
                device.IsPoisoned ? device.Sticky
                : device.Pools.Find(handle.Value, call, "pool") is { } pool ? body(device, pool)
                : CUresult.CUDA_ERROR_INVALID_VALUE
        );
}
