using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A block of device memory: allocated from the driver or from a pool, memory that the caller owns, or memory of another context, process
/// or API that is used in place.
/// </summary>
public abstract unsafe partial class DeviceMemory : CudaObject
{
    /// <summary>The category of memory for which none is given.</summary>
    public const string OtherCategory = "other";

    private readonly CUdeviceptr _address;
    private readonly Origin _origin;
    private readonly CudaStream? _freeing;

    private protected DeviceMemory(
        CudaContext context,
        CUdeviceptr address,
        long bytes,
        string category,
        Origin origin
    )
        : base(context)
    {
        Context = context;
        _address = address;
        ByteCount = bytes;
        Category = category;
        _origin = origin;
        if (IsCounted)
            context.Ledger.Add(category, bytes);
    }

    /// <summary>Memory that another object has, which is held as long as this one lasts.</summary>
    private protected DeviceMemory(
        CudaContext context,
        ReadOnlySpan<CudaObject> owners,
        CUdeviceptr address,
        long bytes,
        Origin origin
    )
        : base(owners)
    {
        Context = context;
        _address = address;
        ByteCount = bytes;
        Category = OtherCategory;
        _origin = origin;
    }

    private protected DeviceMemory(
        CudaMemoryPool pool,
        CudaStream stream,
        CUdeviceptr address,
        long bytes,
        string category
    )
        : base(pool, stream)
    {
        Context = pool.Context;
        _address = address;
        ByteCount = bytes;
        Category = category;
        _origin = Origin.Pool;
        _freeing = stream;
        Context.Ledger.Add(category, bytes);
    }

    /// <summary>Where the memory comes from, which decides how it is released.</summary>
    private protected enum Origin
    {
        /// <summary>It was allocated by cuMemAlloc.</summary>
        Allocated,

        /// <summary>It comes from a pool.</summary>
        Pool,

        /// <summary>The caller owns it.</summary>
        Foreign,

        /// <summary>Another object here has it, and gives it back.</summary>
        Held,

        /// <summary>It is a part of another API's memory, whose address cuMemFree gives back.</summary>
        Mapped,
    }

    /// <summary>The context that the memory belongs to.</summary>
    public CudaContext Context { get; }

    /// <summary>The address on the device.</summary>
    public CUdeviceptr Handle
    {
        get
        {
            ThrowIfDisposed();
            return _address;
        }
    }

    /// <summary>The size in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>What the memory is for, which names its entry in <see cref="CudaContext.Ledger"/>.</summary>
    public string Category { get; }

    /// <summary>Whether the caller owns the memory; it is then never freed here.</summary>
    public bool IsForeign => _origin == Origin.Foreign;

    /// <summary>
    /// Whether the bytes are memory of another context, process or API. They are used in place, are not in
    /// <see cref="CudaContext.Ledger"/>, and stay when this object goes.
    /// </summary>
    public bool IsShared => _origin is Origin.Held or Origin.Mapped;

    // What was allocated here.
    private bool IsCounted => _origin is Origin.Allocated or Origin.Pool;

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        if (_origin is Origin.Foreign or Origin.Held)
            return;
        if (_origin == Origin.Pool)
            Context.Park(
                Context.Driver.cuMemFreeAsync(_address, _freeing!.NativeHandle),
                nameof(CudaDriver.cuMemFreeAsync)
            );
        else
            Context.Park(Context.Driver.cuMemFree(_address), nameof(CudaDriver.cuMemFree));
    }

    private protected override void LetGo(bool forgotten)
    {
        if (IsCounted)
            Context.Ledger.Remove(Category, ByteCount);
    }
}
