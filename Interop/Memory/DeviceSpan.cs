using System.Runtime.CompilerServices;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A part of a block of device memory; the default value is no memory. It refers to the block, so making one allocates nothing.
/// </summary>
/// <typeparam name="T">The elements' type.</typeparam>
public readonly unsafe partial record struct DeviceSpan<T>
    where T : unmanaged
{
    private readonly long _offset;

    internal DeviceSpan(DeviceMemory memory, long byteOffset, long length)
    {
        Memory = memory;
        _offset = byteOffset;
        Length = length;
    }

    /// <summary>The block that this is a part of; null for no memory.</summary>
    public DeviceMemory? Memory { get; }

    /// <summary>The number of elements.</summary>
    public long Length { get; }

    /// <summary>Whether it has no elements.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>The address on the device; 0 for no memory.</summary>
    /// <exception cref="ObjectDisposedException">The block has been disposed.</exception>
    public CUdeviceptr Handle =>
        Memory is null ? default : new(Memory.Handle.Value + (ulong)_offset);

    /// <summary>The size in bytes.</summary>
    public long ByteCount => Length * Unsafe.SizeOf<T>();

    /// <summary>The address, as a C function takes it.</summary>
    internal T* Pointer => (T*)Handle.Value;

    /// <summary>The part from an element to the end.</summary>
    public DeviceSpan<T> Slice(long start) => Slice(start, Length - start);

    /// <summary>A part of the span.</summary>
    /// <param name="start">The first element.</param>
    /// <param name="length">The number of elements.</param>
    public DeviceSpan<T> Slice(long start, long length)
    {
        if (start < 0 || length < 0 || start > Length - length)
            throw new ArgumentOutOfRangeException(
                nameof(start),
                $"{length} elements from {start} on are not within {Length}."
            );
        return length == 0 ? default : new(Memory!, _offset + start * Unsafe.SizeOf<T>(), length);
    }

    /// <summary>The same bytes as elements of another type.</summary>
    /// <exception cref="ArgumentException">
    /// The size is not a multiple of such an element's, or the address is not aligned for it.
    /// </exception>
    public DeviceSpan<TOther> Cast<TOther>()
        where TOther : unmanaged
    {
        int size = Unsafe.SizeOf<TOther>();
        if (ByteCount % size != 0 || _offset % Math.Min(16, size & -size) != 0)
            throw new ArgumentException(
                $"{ByteCount} bytes at offset {_offset} are no {typeof(TOther).Name}[]"
                    + $" of {size} bytes each."
            );
        return IsEmpty ? default : new(Memory!, _offset, ByteCount / size);
    }

    /// <summary>Copies from the host in stream order, and waits until the copy is done.</summary>
    /// <param name="source">As many elements as the span has.</param>
    /// <param name="stream">The stream, which must not be captured at the time.</param>
    public void CopyFrom(ReadOnlySpan<T> source, CudaStream stream)
    {
        CudaContext context = Require(stream, source.Length);
        if (IsEmpty)
            return;
        using CudaContextScope scope = context.Enter();
        fixed (T* from = source)
        {
            context.Check(
                context.Driver.cuMemcpyHtoDAsync(Handle, from, (nuint)ByteCount, stream.Handle),
                nameof(CudaDriver.cuMemcpyHtoDAsync)
            );
            stream.Synchronize();
        }
    }

    /// <summary>Copies to the host in stream order, and waits until the copy is done.</summary>
    /// <param name="destination">Gets as many elements as the span has.</param>
    /// <param name="stream">The stream, which must not be captured at the time.</param>
    public void CopyTo(Span<T> destination, CudaStream stream)
    {
        CudaContext context = Require(stream, destination.Length);
        if (IsEmpty)
            return;
        using CudaContextScope scope = context.Enter();
        fixed (T* to = destination)
        {
            context.Check(
                context.Driver.cuMemcpyDtoHAsync(to, Handle, (nuint)ByteCount, stream.Handle),
                nameof(CudaDriver.cuMemcpyDtoHAsync)
            );
            stream.Synchronize();
        }
    }

    /// <summary>Copies all elements to a new array on the host in stream order, and waits until the copy is done.</summary>
    public T[] ToArray(CudaStream stream)
    {
        var result = new T[Length];
        CopyTo(result, stream);
        return result;
    }

    /// <summary>
    /// Copies all elements to a new array on the host, after the work queued so far, without blocking the calling thread. Work that is
    /// queued later in the stream may overwrite the elements; the copy is not affected.
    /// </summary>
    /// <param name="stream">The stream, which must not be captured at the time.</param>
    /// <param name="cancellation">Ends the waiting, not the work.</param>
    /// <exception cref="CudaException">Work failed.</exception>
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
    public Task<T[]> ToArrayAsync(CudaStream stream, CancellationToken cancellation = default)
    {
        CudaContext context = Require(stream, Length);
        if (IsEmpty)
            return Task.FromResult<T[]>([]);
        PinnedBuffer<T> copy = context.AllocatePinned<T>(checked((int)Length));
        Task copied;
        try
        {
            EnqueueCopyTo(copy, stream);
            // The buffer lives until the copy is done, even if nobody waits for it any more.
            copied = stream.WaitAsync(CancellationToken.None);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
        return copy.Take(copied).WaitAsync(cancellation);
    }

    /// <summary>Queues a copy from pinned memory and does not wait. The source must not be changed until the copy is done.</summary>
    /// <param name="source">The pinned memory.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="start">The first element of the source to copy.</param>
    public void EnqueueCopyFrom(PinnedBuffer<T> source, CudaStream stream, int start = 0)
    {
        ArgumentNullException.ThrowIfNull(source);
        T* from = source.At(start, Length);
        CudaContext context = Require(stream, Length);
        if (IsEmpty)
            return;
        using CudaContextScope scope = context.Enter();
        context.Check(
            context.Driver.cuMemcpyHtoDAsync(Handle, from, (nuint)ByteCount, stream.Handle),
            nameof(CudaDriver.cuMemcpyHtoDAsync)
        );
    }

    /// <summary>
    /// Queues a copy to pinned memory and does not wait. The destination must not be read until the copy is done.
    /// </summary>
    /// <param name="destination">The pinned memory.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="start">The first element of the destination to write.</param>
    public void EnqueueCopyTo(PinnedBuffer<T> destination, CudaStream stream, int start = 0)
    {
        ArgumentNullException.ThrowIfNull(destination);
        T* to = destination.At(start, Length);
        CudaContext context = Require(stream, Length);
        if (IsEmpty)
            return;
        using CudaContextScope scope = context.Enter();
        context.Check(
            context.Driver.cuMemcpyDtoHAsync(to, Handle, (nuint)ByteCount, stream.Handle),
            nameof(CudaDriver.cuMemcpyDtoHAsync)
        );
    }

    /// <summary>Queues a copy on the device and does not wait.</summary>
    /// <param name="source">As many elements as the span has, in memory of the same context that does not overlap it.</param>
    /// <param name="stream">The stream.</param>
    public void CopyFrom(DeviceSpan<T> source, CudaStream stream)
    {
        CudaContext context = Require(stream, source.Length);
        source.Require(stream, Length);
        if (IsEmpty)
            return;
        using CudaContextScope scope = context.Enter();
        context.Check(
            context.Driver.cuMemcpyDtoDAsync(
                Handle,
                source.Handle,
                (nuint)ByteCount,
                stream.Handle
            ),
            nameof(CudaDriver.cuMemcpyDtoDAsync)
        );
    }

    /// <summary>Queues setting every byte to 0, and does not wait.</summary>
    public void Clear(CudaStream stream)
    {
        CudaContext context = Require(stream, Length);
        if (IsEmpty)
            return;
        using CudaContextScope scope = context.Enter();
        context.Check(
            context.Driver.cuMemsetD8Async(Handle, 0, (nuint)ByteCount, stream.Handle),
            nameof(CudaDriver.cuMemsetD8Async)
        );
    }

    /// <summary>Queues setting every element to a value, and does not wait.</summary>
    /// <param name="value">The value, of 1, 2 or 4 bytes.</param>
    /// <param name="stream">The stream.</param>
    /// <exception cref="NotSupportedException">The elements have another size.</exception>
    public void Fill(T value, CudaStream stream)
    {
        CudaContext context = Require(stream, Length);
        if (IsEmpty)
            return;
        CudaDriver driver = context.Driver;
        using CudaContextScope scope = context.Enter();
        (CUresult result, string call) = Unsafe.SizeOf<T>() switch
        {
            1 => (
                driver.cuMemsetD8Async(
                    Handle,
                    Unsafe.BitCast<T, byte>(value),
                    (nuint)Length,
                    stream.Handle
                ),
                nameof(driver.cuMemsetD8Async)
            ),
            2 => (
                driver.cuMemsetD16Async(
                    Handle,
                    Unsafe.BitCast<T, ushort>(value),
                    (nuint)Length,
                    stream.Handle
                ),
                nameof(driver.cuMemsetD16Async)
            ),
            4 => (
                driver.cuMemsetD32Async(
                    Handle,
                    Unsafe.BitCast<T, uint>(value),
                    (nuint)Length,
                    stream.Handle
                ),
                nameof(driver.cuMemsetD32Async)
            ),
            _ => throw new NotSupportedException(
                $"{typeof(T).Name} has {Unsafe.SizeOf<T>()} bytes; 1, 2 or 4 can be filled."
            ),
        };
        context.Check(result, call);
    }

    /// <summary>The span's address, as an argument of a kernel.</summary>
    public static implicit operator KernelArgument(DeviceSpan<T> span) => span.ToKernelArgument();

    /// <summary>The span's address, as an argument of a kernel.</summary>
    public KernelArgument ToKernelArgument() =>
        KernelArgument.Address(Handle.Value, Memory?.Context);

    /// <summary>Throws if the memory belongs to another context.</summary>
    internal void Require(CudaContext context, string argument)
    {
        if (Memory is { } memory && memory.Context.NativeHandle != context.NativeHandle)
            throw new ArgumentException("It is memory of another context.", argument);
    }

    private CudaContext Require(
        CudaStream stream,
        long other,
        [CallerMemberName] string operation = ""
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (other != Length)
            throw new ArgumentException(
                $"{operation} between {Length} elements here and {other} there; they have to be as many."
            );
        Require(stream.Context, nameof(stream));
        stream.ThrowIfDisposed();
        return stream.Context;
    }
}

/// <summary>Computes sizes of device memory.</summary>
internal static class DeviceSpan
{
    /// <summary>The size in bytes of a number of elements above 0.</summary>
    public static long Bytes<T>(long length)
        where T : unmanaged
    {
        long most = long.MaxValue / Unsafe.SizeOf<T>();
        return length > 0 && length <= most
            ? length * Unsafe.SizeOf<T>()
            : throw new ArgumentOutOfRangeException(
                nameof(length),
                length,
                $"A buffer of {typeof(T).Name} has 1 to {most} elements."
            );
    }
}
