using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// An array in pinned (page-locked) host memory, which asynchronous copies need. Dispose waits for all work of the context, since a copy
/// may be under way.
/// </summary>
/// <typeparam name="T">The elements' type.</typeparam>
public sealed class PinnedBuffer<T> : CudaObject
    where T : unmanaged
{
    private readonly CudaContext _context;
    private readonly unsafe T* _address;

    private unsafe PinnedBuffer(CudaContext context, T* address, int length)
        : base(context)
    {
        _context = context;
        _address = address;
        Length = length;
    }

    /// <inheritdoc cref="CudaContext.AllocatePinned"/>
    internal static unsafe PinnedBuffer<T> Allocate(
        CudaContext context,
        int length,
        bool writeCombined
    )
    {
        context.ThrowIfDisposed();
        long bytes = DeviceSpan.Bytes<T>(length);
        using CudaContextScope scope = context.Enter();
        void* address;
        CUresult result = context.Driver.cuMemHostAlloc(
            &address,
            (nuint)bytes,
            writeCombined ? CudaDriver.CU_MEMHOSTALLOC_WRITECOMBINED : 0
        );
        if (result != CUresult.CUDA_SUCCESS)
            throw context.Error(
                result,
                nameof(CudaDriver.cuMemHostAlloc),
                $"{bytes} bytes of pinned host memory"
            );
        return new PinnedBuffer<T>(context, (T*)address, length);
    }

    /// <summary>The number of elements.</summary>
    public int Length { get; }

    /// <summary>The size in bytes.</summary>
    public long ByteCount => (long)Length * Unsafe.SizeOf<T>();

    /// <summary>The elements. The span must not be used after Dispose, nor while a copy to or from it is under way.</summary>
    public unsafe Span<T> Span
    {
        get
        {
            ThrowIfDisposed();
            return new(_address, Length);
        }
    }

    /// <summary>The address on the host.</summary>
    public unsafe nint Handle
    {
        get
        {
            ThrowIfDisposed();
            return (nint)_address;
        }
    }

    /// <summary>Waits for the copy to this buffer, returns the elements as an array, and disposes the buffer.</summary>
    internal async Task<T[]> Take(Task copied)
    {
        using (this)
        {
            await copied.ConfigureAwait(false);
            return Span.ToArray();
        }
    }

    internal unsafe T* At(int start, long length)
    {
        ThrowIfDisposed();
        if (start < 0 || start > Length - length)
            throw new ArgumentOutOfRangeException(
                nameof(start),
                $"{length} elements from {start} on are not within {Length}."
            );
        return _address + start;
    }

    private protected override CudaContext Home => _context;

    private protected override unsafe void Release()
    {
        // A copy may still be under way, for example if an error came before the wait for it.
        _context.Park(_context.Driver.cuCtxSynchronize(), nameof(CudaDriver.cuCtxSynchronize));
        _context.Park(_context.Driver.cuMemFreeHost(_address), nameof(CudaDriver.cuMemFreeHost));
    }
}
