using Sequor.Native;

namespace Sequor.Interop;

// Memory for other processes.
public abstract unsafe partial class DeviceMemory
{
    /// <summary>Whether the memory is from a pool.</summary>
    internal bool IsPooled => _origin == Origin.Pool;

    /// <summary>
    /// Gives a handle of the memory for other processes, which open it by <see cref="CudaContext.OpenMemory"/> and use the same bytes.
    /// The buffer must be kept until all of them have closed it: what they do with it afterwards is undefined.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The memory is from a pool, is not this process's own, or begins within an allocation, which <see cref="Export(out long)"/> allows.
    /// </exception>
    /// <exception cref="NotSupportedException">The device shares nothing with other processes.</exception>
    /// <exception cref="CudaException">The driver does not export it.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public CudaIpcMemoryHandle Export()
    {
        CudaIpcMemoryHandle handle = Export(out long offset);
        return offset == 0
            ? handle
            : throw new InvalidOperationException(
                $"The memory begins {offset} bytes within its allocation, and a handle is of the"
                    + " whole: export it with its offset, which whoever opens it has to add."
            );
    }

    /// <summary>As <see cref="Export()"/>, of memory that may begin within an allocation: the handle is of all of that.</summary>
    /// <param name="offset">How many bytes of the allocation come before this memory.</param>
    public CudaIpcMemoryHandle Export(out long offset)
    {
        offset = 0;
        CUdeviceptr address = Handle;
        Context.Device.RequireInterprocess();
        if (IsPooled)
            throw NotExported("it is from a memory pool; allocate it from the context");
        if (IsShared)
            throw NotExported("it is not this process's own; whoever has it can export it");
        using CudaContextScope scope = Context.Enter();
        CUdeviceptr begin = address;
        if (IsForeign)
            begin = Begin(address);
        CUipcMemHandle handle;
        CUresult result = Context.Driver.cuIpcGetMemHandle(&handle, begin);
        if (result != CUresult.CUDA_SUCCESS)
            throw Context.Error(
                result,
                nameof(CudaDriver.cuIpcGetMemHandle),
                $"{ByteCount} bytes at 0x{address.Value:x}"
            );
        offset = (long)(address.Value - begin.Value);
        return new CudaIpcMemoryHandle(handle);
    }

    // Of memory that others allocated: where its allocation begins, if that can be exported.
    private CUdeviceptr Begin(CUdeviceptr address)
    {
        ulong capable = 0;
        CUresult result = Context.Driver.cuPointerGetAttribute(
            &capable,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE,
            address
        );
        if (result == CUresult.CUDA_SUCCESS && capable == 0)
            throw NotExported(
                "it is not of cuMemAlloc: memory of pools and mapped memory have no such handles"
            );
        CUdeviceptr begin;
        Context.Check(
            Context.Driver.cuMemGetAddressRange(&begin, null, address),
            nameof(CudaDriver.cuMemGetAddressRange)
        );
        return begin;
    }

    private InvalidOperationException NotExported(string why) =>
        new($"The memory at 0x{_address.Value:x} cannot be exported to other processes: {why}.");
}
