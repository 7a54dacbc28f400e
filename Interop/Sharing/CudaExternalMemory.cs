using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// Memory that another API allocated on the device, such as Vulkan or Direct3D, used in place. It is let go when it and all its buffers
/// have been disposed; the bytes stay with the other API.
/// </summary>
/// <remarks>
/// Nothing here orders CUDA's work with the other API's: a <see cref="CudaExternalSemaphore"/> does, or a wait on both sides.
/// </remarks>
public sealed unsafe class CudaExternalMemory : CudaObject
{
    private readonly CUexternalMemory _handle;

    private CudaExternalMemory(CudaContext context, CUexternalMemory handle, long bytes)
        : base(context)
    {
        Context = context;
        _handle = handle;
        ByteCount = bytes;
    }

    /// <inheritdoc cref="CudaContext.ImportMemory"/>
    internal static CudaExternalMemory Import(
        CudaContext context,
        ExternalMemoryHandle handle,
        long bytes,
        bool dedicated
    )
    {
        context.ThrowIfDisposed();
        handle.Require(OperatingSystem.IsWindows(), nameof(handle));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        using CudaContextScope scope = context.Enter();
        CUexternalMemory imported;
        fixed (char* name = handle.Name)
        {
            CUDA_EXTERNAL_MEMORY_HANDLE_DESC said = handle.Describe(name, bytes, dedicated);
            CUresult result = context.Driver.cuImportExternalMemory(&imported, &said);
            if (result != CUresult.CUDA_SUCCESS)
                throw context.Error(
                    result,
                    nameof(CudaDriver.cuImportExternalMemory),
                    $"{bytes} bytes of {handle.Kind} for {context.Device}"
                );
        }
        return new CudaExternalMemory(context, imported, bytes);
    }

    /// <summary>The context that it was taken into.</summary>
    public CudaContext Context { get; }

    /// <summary>The size in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>The driver's handle.</summary>
    public CUexternalMemory Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>
    /// A part of the memory as an array; its content is what the other API put there. Parts that overlap are better had as slices of one
    /// buffer: the driver does not promise that what is written by one is seen by another.
    /// </summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">The number of elements, above 0.</param>
    /// <param name="byteOffset">
    /// How many bytes come before the first; a multiple of the element's alignment, and as the other API places its buffers.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">It is not within the memory.</exception>
    /// <exception cref="ArgumentException">The offset is not aligned.</exception>
    /// <exception cref="CudaException">The driver does not map it.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public DeviceBuffer<T> Buffer<T>(long length, long byteOffset = 0)
        where T : unmanaged
    {
        ThrowIfDisposed();
        long bytes = SharedRange.Require<T>(length, byteOffset, ByteCount);
        CUDA_EXTERNAL_MEMORY_BUFFER_DESC said = default;
        said.offset = (ulong)byteOffset;
        said.size = (ulong)bytes;
        using CudaContextScope scope = Context.Enter();
        CUdeviceptr address;
        CUresult result = Context.Driver.cuExternalMemoryGetMappedBuffer(&address, Handle, &said);
        if (result != CUresult.CUDA_SUCCESS)
            throw Context.Error(
                result,
                nameof(CudaDriver.cuExternalMemoryGetMappedBuffer),
                $"{bytes} bytes from byte {byteOffset} on of {ByteCount}"
            );
        return DeviceBuffer<T>.Part(this, address, length);
    }

    private protected override CudaContext Home => Context;

    private protected override void Release() =>
        Context.Park(
            Context.Driver.cuDestroyExternalMemory(_handle),
            nameof(CudaDriver.cuDestroyExternalMemory)
        );
}
