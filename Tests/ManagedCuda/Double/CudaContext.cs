using ManagedCuda.BasicTypes;
using Sequor.Native;
using static ManagedCuda.DoubleDriver;

namespace ManagedCuda;

/// <summary>A context. The double has the primary one alone, which <see cref="PrimaryContext"/> retains.</summary>
public unsafe class CudaContext : IDisposable
{
    protected BasicTypes.CUcontext _context;
    protected BasicTypes.CUdevice _device;
    protected int _deviceID;
    protected bool disposed;

    internal CudaContext(int deviceId)
    {
        _deviceID = deviceId;
        _device.Pointer = deviceId;
    }

    public BasicTypes.CUcontext Context => _context;

    public BasicTypes.CUdevice Device => _device;

    public int DeviceId => _deviceID;

    public void SetCurrent() =>
        Check(Driver.cuCtxSetCurrent(new Sequor.Native.CUcontext(_context.Pointer)));

    public void Synchronize() => Check(Driver.cuCtxSynchronize());

    public BasicTypes.CUmodule LoadModulePTX(byte[] moduleImage)
    {
        byte[] text = [.. moduleImage, 0];
        Sequor.Native.CUmodule module;
        fixed (byte* image = text)
            Check(Driver.cuModuleLoadData(&module, image));
        return new BasicTypes.CUmodule { Pointer = module.Value };
    }

    public void UnloadModule(BasicTypes.CUmodule aModule) =>
        Check(Driver.cuModuleUnload(new Sequor.Native.CUmodule(aModule.Pointer)));

    public void Dispose() => Dispose(true);

    protected virtual void Dispose(bool fDisposing) => disposed = true;
}

/// <summary>A device's primary context.</summary>
public unsafe class PrimaryContext : CudaContext
{
    public PrimaryContext()
        : this(0) { }

    public PrimaryContext(int deviceId)
        : base(deviceId)
    {
        Sequor.Native.CUcontext context;
        Check(
            Driver.cuDevicePrimaryCtxRetain(&context, new Sequor.Native.CUdevice(_device.Pointer))
        );
        _context.Pointer = context.Value;
    }

    protected override void Dispose(bool fDisposing)
    {
        if (!disposed)
            Driver.cuDevicePrimaryCtxRelease(new Sequor.Native.CUdevice(_device.Pointer));
        base.Dispose(fDisposing);
    }
}
