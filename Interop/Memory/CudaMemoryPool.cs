using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A pool from which device memory is allocated, and to which it is returned, in stream order; neither waits for the device. May be used
/// from any thread.
/// </summary>
public sealed unsafe class CudaMemoryPool : CudaObject
{
    private readonly CUmemoryPool _handle;
    private readonly bool _owned;

    private CudaMemoryPool(CudaContext context, CUmemoryPool handle, bool owned)
        : base(context)
    {
        Context = context;
        _handle = handle;
        _owned = owned;
    }

    /// <inheritdoc cref="CudaContext.CreateMemoryPool"/>
    internal static CudaMemoryPool Create(CudaContext context, long keepBytes)
    {
        Require(context);
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        CUmemPoolProps properties = default;
        properties.allocType = CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED;
        properties.location.type = CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE;
        properties.location.id = context.Device.Index;
        using CudaContextScope scope = context.Enter();
        CUmemoryPool handle;
        context.Check(
            context.Driver.cuMemPoolCreate(&handle, &properties),
            nameof(CudaDriver.cuMemPoolCreate)
        );
        var pool = new CudaMemoryPool(context, handle, owned: true);
        try
        {
            pool.Set(CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, (ulong)keepBytes);
            return pool;
        }
        catch
        {
            pool.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="CudaContext.DefaultMemoryPool"/>
    internal static CudaMemoryPool Default(CudaContext context)
    {
        Require(context);
        using CudaContextScope scope = context.Enter();
        CUmemoryPool handle;
        context.Check(
            context.Driver.cuDeviceGetDefaultMemPool(&handle, context.Device.Handle),
            nameof(CudaDriver.cuDeviceGetDefaultMemPool)
        );
        return new CudaMemoryPool(context, handle, owned: false);
    }

    /// <summary>The context that the pool belongs to.</summary>
    public CudaContext Context { get; }

    /// <summary>The driver's handle.</summary>
    public CUmemoryPool Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>The bytes of device memory that the pool holds, in use or not.</summary>
    public long ReservedBytes => Get(CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);

    /// <summary>The most bytes that the pool has held since <see cref="ResetPeak"/>.</summary>
    public long PeakReservedBytes => Get(CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH);

    /// <summary>The bytes in use, as the driver rounds them.</summary>
    public long UsedBytes => Get(CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_CURRENT);

    /// <summary>The most bytes in use since <see cref="ResetPeak"/>.</summary>
    public long PeakUsedBytes => Get(CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_HIGH);

    /// <summary>Allocates memory in stream order, aligned to 256 bytes.</summary>
    /// <param name="length">The number of elements, above 0.</param>
    /// <param name="stream">
    /// Work that is queued in this stream after the call may use the memory; other streams must wait for this one first. Dispose also
    /// queues the release in this stream.
    /// </param>
    /// <param name="category">What the memory is for, which names its entry in <see cref="CudaContext.Ledger"/>.</param>
    /// <exception cref="CudaException">CUDA_ERROR_OUT_OF_MEMORY: the message says how much there is.</exception>
    public DeviceBuffer<T> Allocate<T>(
        long length,
        CudaStream stream,
        string category = DeviceMemory.OtherCategory
    )
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Require(Context, nameof(stream));
        long bytes = DeviceSpan.Bytes<T>(length);
        using CudaContextScope scope = Context.Enter();
        CUdeviceptr address;
        CUresult result = Context.Driver.cuMemAllocFromPoolAsync(
            &address,
            (nuint)bytes,
            Handle,
            stream.Handle
        );
        if (result != CUresult.CUDA_SUCCESS)
            throw Context.AllocationError(
                result,
                nameof(CudaDriver.cuMemAllocFromPoolAsync),
                bytes,
                category
            );
        return new DeviceBuffer<T>(this, stream, address, length, category);
    }

    /// <summary>Returns memory that is not in use to the system.</summary>
    /// <param name="keepBytes">The bytes that the pool keeps nevertheless.</param>
    public void Trim(long keepBytes = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuMemPoolTrimTo(Handle, (nuint)keepBytes),
            nameof(CudaDriver.cuMemPoolTrimTo)
        );
    }

    /// <summary>Sets both peaks to what is held and used now.</summary>
    public void ResetPeak()
    {
        Set(CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH, 0);
        Set(CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_HIGH, 0);
    }

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        if (_owned)
            Context.Park(
                Context.Driver.cuMemPoolDestroy(_handle),
                nameof(CudaDriver.cuMemPoolDestroy)
            );
    }

    private static void Require(CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        if (!context.Device.HasMemoryPools)
            throw new NotSupportedException(
                $"{context.Device} has no memory pools"
                    + " (CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED is 0)."
            );
    }

    private long Get(CUmemPool_attribute attribute)
    {
        using CudaContextScope scope = Context.Enter();
        ulong value;
        Context.Check(
            Context.Driver.cuMemPoolGetAttribute(Handle, attribute, &value),
            nameof(CudaDriver.cuMemPoolGetAttribute)
        );
        return (long)value;
    }

    private void Set(CUmemPool_attribute attribute, ulong value)
    {
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuMemPoolSetAttribute(Handle, attribute, &value),
            nameof(CudaDriver.cuMemPoolSetAttribute)
        );
    }
}
