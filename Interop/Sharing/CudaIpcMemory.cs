using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// Device memory of another process, used in place. It is closed when it and all its buffers have been disposed; the bytes stay with the
/// process that has them.
/// </summary>
public sealed unsafe class CudaIpcMemory : CudaObject
{
    private readonly CUdeviceptr _address;

    private CudaIpcMemory(CudaContext context, CUdeviceptr address, long? bytes)
        : base(context)
    {
        Context = context;
        _address = address;
        ByteCount = bytes;
    }

    /// <inheritdoc cref="CudaContext.OpenMemory"/>
    internal static CudaIpcMemory Open(CudaContext context, CudaIpcMemoryHandle handle)
    {
        context.ThrowIfDisposed();
        context.Device.RequireInterprocess();
        IpcBytes.Require(handle.ToArray(), nameof(handle));
        using CudaContextScope scope = context.Enter();
        CUdeviceptr address;
        CUresult result = context.Driver.cuIpcOpenMemHandle(
            &address,
            handle.Handle,
            (uint)CUipcMem_flags.CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS
        );
        if (result != CUresult.CUDA_SUCCESS)
            throw context.Error(
                result,
                nameof(CudaDriver.cuIpcOpenMemHandle),
                result switch
                {
                    CUresult.CUDA_ERROR_INVALID_CONTEXT =>
                        "a handle cannot be opened in the process that exported it, which has the memory itself",
                    CUresult.CUDA_ERROR_MAP_FAILED =>
                        $"the memory is on a device that {context.Device} does not reach",
                    CUresult.CUDA_ERROR_INVALID_VALUE or CUresult.CUDA_ERROR_INVALID_HANDLE =>
                        "it is no handle of memory, or the memory was freed, or another context of this process has it open",
                    _ => $"on {context.Device}",
                }
            );
        // Not every driver tells the size of memory that is not its process's own.
        nuint bytes = 0;
        result = context.Driver.cuMemGetAddressRange(null, &bytes, address);
        return new CudaIpcMemory(
            context,
            address,
            result == CUresult.CUDA_SUCCESS && bytes > 0 ? (long)bytes : null
        );
    }

    /// <summary>The context that it was opened in.</summary>
    public CudaContext Context { get; }

    /// <summary>The size of the allocation in bytes; null if the driver does not tell it, so that only the other process knows.</summary>
    public long? ByteCount { get; }

    /// <summary>The address of its first byte in this process.</summary>
    public CUdeviceptr Handle
    {
        get
        {
            ThrowIfDisposed();
            return _address;
        }
    }

    /// <summary>A part of the memory as an array. Its content is what the other process wrote.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">The number of elements, above 0, as the other process says it.</param>
    /// <param name="byteOffset">How many bytes come before the first; a multiple of the element's alignment.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not within the memory, as far as its size is known.</exception>
    /// <exception cref="ArgumentException">The offset is not aligned.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public DeviceBuffer<T> Buffer<T>(long length, long byteOffset = 0)
        where T : unmanaged
    {
        ThrowIfDisposed();
        SharedRange.Require<T>(length, byteOffset, ByteCount);
        return DeviceBuffer<T>.Of(
            Context,
            new CUdeviceptr(_address.Value + (ulong)byteOffset),
            length,
            this
        );
    }

    private protected override CudaContext Home => Context;

    private protected override void Release() =>
        Context.Park(
            Context.Driver.cuIpcCloseMemHandle(_address),
            nameof(CudaDriver.cuIpcCloseMemHandle)
        );
}
