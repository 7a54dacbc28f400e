using System.Runtime.InteropServices;
using ManagedCuda.BasicTypes;
using static ManagedCuda.DoubleDriver;

namespace ManagedCuda;

/// <summary>An array in device memory: allocated here, or somebody else's.</summary>
public unsafe class CudaDeviceVariable<T> : IDisposable
    where T : struct
{
    private readonly CUdeviceptr _devPtr;
    private readonly SizeT _size;
    private readonly SizeT _typeSize;
    private readonly bool _isOwner;
    private bool disposed;

    /// <summary>Allocates elements.</summary>
    public CudaDeviceVariable(SizeT size)
    {
        _typeSize = Marshal.SizeOf<T>();
        _size = size;
        Sequor.Native.CUdeviceptr address;
        Check(Driver.cuMemAlloc(&address, (UIntPtr)SizeInBytes));
        _devPtr.Pointer = address.Value;
        _isOwner = true;
    }

    /// <summary>Sees somebody's bytes.</summary>
    public CudaDeviceVariable(CUdeviceptr devPtr, bool isOwner, SizeT size)
    {
        _typeSize = Marshal.SizeOf<T>();
        _devPtr = devPtr;
        _size = (ulong)size / (ulong)_typeSize;
        _isOwner = isOwner;
    }

    public CUdeviceptr DevicePointer => _devPtr;

    public SizeT Size => _size;

    public SizeT TypeSize => _typeSize;

    public SizeT SizeInBytes => (ulong)_size * (ulong)_typeSize;

    public bool IsOwner => _isOwner;

    public void CopyToDevice(T[] source)
    {
        var pinned = GCHandle.Alloc(source, GCHandleType.Pinned);
        Check(
            Driver.cuMemcpyHtoD(
                new(_devPtr.Pointer),
                (void*)pinned.AddrOfPinnedObject(),
                (UIntPtr)SizeInBytes
            )
        );
        pinned.Free();
    }

    public void CopyToHost(T[] dest)
    {
        var pinned = GCHandle.Alloc(dest, GCHandleType.Pinned);
        Check(
            Driver.cuMemcpyDtoH(
                (void*)pinned.AddrOfPinnedObject(),
                new(_devPtr.Pointer),
                (UIntPtr)SizeInBytes
            )
        );
        pinned.Free();
    }

    public void Dispose()
    {
        if (!disposed && _isOwner)
            Check(Driver.cuMemFree(new(_devPtr.Pointer)));
        disposed = true;
    }
}
