using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A CUDA context: all streams, events, memory and modules of a process on a device belong to one. It is either the device's
/// primary context, which the CUDA runtime and other libraries use too, or one that the caller made.
/// </summary>
/// <remarks>
/// Any number of threads may use a context, its streams and its memory at the same time: every call here makes the context
/// current for its thread. A cuDNN or cuBLAS handle and the objects bound to it are for one thread at a time. No object may be
/// disposed while another thread is in a call that uses it.
/// </remarks>
/// <example>
/// <code>
/// CudaDevice device = CudaLibraries.Shared.Device(0);
/// using CudaContext context = CudaContext.Primary(device); // or CudaContext.Attach(theirContext)
/// (long free, long total) = context.DeviceMemory;
/// Console.WriteLine($"{device.Name}: {free >> 20} of {total >> 20} MiB free");
/// using CudaStream stream = context.CreateStream();
/// using DeviceBuffer&lt;float> buffer = context.Allocate&lt;float>(1000, "weights");
/// </code>
/// </example>
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

    /// <summary>
    /// Retains a device's primary context, making it if needed. It is kept until this object and all objects made from it have been
    /// disposed.
    /// </summary>
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

    /// <summary>
    /// Uses a context that the caller made. It is never released here, and must outlive all objects that are made from it.
    /// </summary>
    /// <param name="handle">The context's CUcontext.</param>
    /// <param name="libraries">The libraries to call; by default those of the process.</param>
    /// <exception cref="ArgumentException">The handle is null, or the driver does not accept it as a context.</exception>
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

    /// <summary>The device that the context is on.</summary>
    public CudaDevice Device { get; }

    /// <summary>The libraries that the context calls.</summary>
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

    /// <summary>Counts the bytes of device memory that were allocated through this object, by category.</summary>
    public DeviceMemoryLedger Ledger { get; } = new();

    /// <summary>The range of priorities that streams may have; lower numbers come first.</summary>
    public (int Least, int Greatest) StreamPriorities => _priorities.Value;

    /// <summary>The free and total memory of the device in bytes; memory that other processes use is not free.</summary>
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
    /// Makes this the calling thread's current context until the scope is disposed. Every call here does so by itself; a scope
    /// around many calls saves each of them from asking the driver which context is current.
    /// </summary>
    public CudaContextScope MakeCurrent()
    {
        ThrowIfDisposed();
        return Enter();
    }

    /// <summary>Waits until all work of the context is done, including work that other code queued.</summary>
    /// <exception cref="CudaException">Work failed.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = Enter();
        Check(Driver.cuCtxSynchronize(), nameof(Driver.cuCtxSynchronize));
        WentWell();
    }

    internal CudaDriver Driver { get; }

    /// <summary>The driver's handle, for objects that outlive Dispose.</summary>
    internal CUcontext NativeHandle { get; }

    /// <summary>A number that no other context of the process has, before or after.</summary>
    public ulong Id
    {
        get
        {
            using CudaContextScope scope = Enter();
            ulong id;
            Check(Driver.cuCtxGetId(NativeHandle, &id), nameof(CudaDriver.cuCtxGetId));
            return id;
        }
    }

    private protected override CudaContext Home => this;

    // Objects that were collected without Dispose wait for the next call, and there may be none after this one.
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
