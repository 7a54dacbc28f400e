using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// What a process has on a device: everything else lives in it. It is the device's primary context, the one that
/// the CUDA runtime and other libraries use, or a caller's own.
/// </summary>
/// <remarks>
/// Any number of threads may use one context, its streams and its memory at a time; every call makes it current
/// for itself. cuDNN and cuBLAS handles and what is bound to them are for one thread at a time. An object must not
/// be disposed while another thread is in a call with it.
/// </remarks>
public sealed unsafe partial class CudaContext : CudaObject
{
    private readonly bool _owned;
    private readonly bool _primary;
    private readonly Lazy<(int Least, int Greatest)> _priorities;

    private CudaContext(CudaDevice device, CUcontext handle, bool owned, bool primary)
    {
        Device = device;
        NativeHandle = handle;
        Driver = device.Libraries.Driver;
        _owned = owned;
        _primary = primary;
        _priorities = new(ReadPriorities);
    }

    /// <summary>Takes hold of a device's primary context; it stays while this object or any made from it does.</summary>
    /// <exception cref="CudaException">The driver cannot make it.</exception>
    public static CudaContext Primary(CudaDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        CudaDriver driver = device.Libraries.Driver;
        CUcontext handle;
        CUresult result = driver.cuDevicePrimaryCtxRetain(&handle, device.Handle);
        if (result != CUresult.CUDA_SUCCESS)
            throw Made(driver, result, "cuDevicePrimaryCtxRetain", device.ToString());
        return new CudaContext(device, handle, owned: true, primary: true);
    }

    /// <summary>Takes a caller's context, which is never released here and has to outlast what is made from it.</summary>
    /// <param name="handle">CUcontext.</param>
    /// <param name="libraries">The libraries; those of the process by default.</param>
    /// <exception cref="ArgumentException">The handle is null, or the driver does not take it for a context.</exception>
    public static CudaContext Attach(nint handle, CudaLibraries? libraries = null)
    {
        if (handle == 0)
            throw new ArgumentException("The context is null.", nameof(handle));
        libraries ??= CudaLibraries.Shared;
        CudaDriver driver = libraries.Driver;
        CUdevice found = default;
        CUresult result = driver.cuCtxPushCurrent(new(handle));
        if (result == CUresult.CUDA_SUCCESS)
        {
            result = driver.cuCtxGetDevice(&found);
            driver.cuCtxPopCurrent(null);
        }
        if (result != CUresult.CUDA_SUCCESS)
            throw new ArgumentException(
                $"0x{handle:x} is no CUDA context: the driver gave {result}.",
                nameof(handle)
            );
        CUdevice device = found;
        return new CudaContext(
            libraries.Devices.Single(d => d.Handle == device),
            new(handle),
            owned: false,
            IsPrimary(driver, device, handle)
        );
    }

    /// <summary>The device it is on.</summary>
    public CudaDevice Device { get; }

    /// <summary>The libraries that it calls.</summary>
    public CudaLibraries Libraries => Device.Libraries;

    /// <summary>The driver's handle.</summary>
    public CUcontext Handle
    {
        get
        {
            ThrowIfDisposed();
            return NativeHandle;
        }
    }

    /// <summary>Bytes of device memory that were taken here, by category.</summary>
    public DeviceMemoryLedger Ledger { get; } = new();

    /// <summary>Priorities that streams may have; lower numbers come first.</summary>
    public (int Least, int Greatest) StreamPriorities => _priorities.Value;

    /// <summary>Memory of the device, bytes, all processes counted in.</summary>
    public (long Free, long Total) DeviceMemory
    {
        get
        {
            using CudaContextScope scope = Enter();
            nuint free;
            nuint total;
            Check(Driver.cuMemGetInfo(&free, &total), nameof(Driver.cuMemGetInfo));
            return ((long)free, (long)total);
        }
    }

    /// <summary>
    /// Makes it the calling thread's current context until the scope is disposed. Calls here do that for
    /// themselves; around many of them it saves asking at each.
    /// </summary>
    public CudaContextScope MakeCurrent()
    {
        ThrowIfDisposed();
        return Enter();
    }

    /// <summary>Waits until all work of the context is done, that of other code too.</summary>
    /// <exception cref="CudaException">Work failed.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = Enter();
        Check(Driver.cuCtxSynchronize(), nameof(Driver.cuCtxSynchronize));
        WentWell();
    }

    internal CudaDriver Driver { get; }

    /// <summary>The driver's handle, for what outlives Dispose.</summary>
    internal CUcontext NativeHandle { get; }

    private protected override CudaContext Home => this;

    // What was forgotten waits for the next call, and none may come.
    private protected override void Ending() => ReleaseWaiting();

    private protected override void Release()
    {
        if (!_owned)
            return;
        CUresult result = Driver.cuDevicePrimaryCtxRelease(Device.Handle);
        Park(result, nameof(Driver.cuDevicePrimaryCtxRelease));
    }

    private (int, int) ReadPriorities()
    {
        using CudaContextScope scope = Enter();
        int least;
        int greatest;
        Check(
            Driver.cuCtxGetStreamPriorityRange(&least, &greatest),
            nameof(Driver.cuCtxGetStreamPriorityRange)
        );
        return (least, greatest);
    }

    /// <summary>Whether a context is its device's primary one, without making one where there is none.</summary>
    private static bool IsPrimary(CudaDriver driver, CUdevice device, nint handle)
    {
        if (!IsActive(driver, device))
            return false;
        CUcontext primary;
        if (driver.cuDevicePrimaryCtxRetain(&primary, device) != CUresult.CUDA_SUCCESS)
            return false;
        driver.cuDevicePrimaryCtxRelease(device);
        return primary.Value == handle;
    }

    private static bool IsActive(CudaDriver driver, CUdevice device)
    {
        uint flags;
        int active = 0;
        return driver.cuDevicePrimaryCtxGetState(device, &flags, &active) == CUresult.CUDA_SUCCESS
            && active != 0;
    }
}
