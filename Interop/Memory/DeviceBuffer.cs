using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>An array in device memory. Its initial content is undefined.</summary>
/// <typeparam name="T">The elements' type.</typeparam>
/// <remarks>Keep a reference until the work that uses it is done: queued work does not keep the buffer from being freed.</remarks>
/// <example>
/// <code>
/// using DeviceBuffer&lt;float> buffer = context.Allocate&lt;float>(6, "weights");
/// buffer.Span.CopyFrom([1, 2, 3, 4, 5, 6], stream);
/// DeviceSpan&lt;float> tail = buffer.Slice(4); // the last two; no copy
/// tail.Fill(0f, stream);
/// float[] values = buffer.Span.ToArray(stream); // 1, 2, 3, 4, 0, 0
/// </code>
/// </example>
[SuppressMessage(
    "Design",
    "CA1000:Do not declare static members on generic types",
    Justification = "As of a vector: DeviceBuffer<float>.Wrap."
)]
public sealed unsafe class DeviceBuffer<T> : DeviceMemory
    where T : unmanaged
{
    private DeviceBuffer(
        CudaContext context,
        CUdeviceptr address,
        long length,
        string category,
        Origin origin
    )
        : base(context, address, length * Unsafe.SizeOf<T>(), category, origin)
    {
        Length = length;
    }

    internal DeviceBuffer(
        CudaMemoryPool pool,
        CudaStream stream,
        CUdeviceptr address,
        long length,
        string category
    )
        : base(pool, stream, address, length * Unsafe.SizeOf<T>(), category)
    {
        Length = length;
    }

    private DeviceBuffer(
        CudaContext context,
        ReadOnlySpan<CudaObject> owners,
        CUdeviceptr address,
        long length,
        Origin origin
    )
        : base(context, owners, address, length * Unsafe.SizeOf<T>(), origin)
    {
        Length = length;
    }

    /// <summary>Memory that other objects have, which are held as long as the buffer lasts.</summary>
    internal static DeviceBuffer<T> Of(
        CudaContext context,
        CUdeviceptr address,
        long length,
        params ReadOnlySpan<CudaObject> owners
    ) => new(context, owners, address, length, Origin.Held);

    /// <summary>A part of another API's memory: its address is given back, its bytes stay.</summary>
    internal static DeviceBuffer<T> Part(
        CudaExternalMemory memory,
        CUdeviceptr address,
        long length
    ) => new(memory.Context, [memory], address, length, Origin.Mapped);

    /// <inheritdoc cref="CudaContext.Allocate"/>
    internal static DeviceBuffer<T> Allocate(CudaContext context, long length, string category)
    {
        context.ThrowIfDisposed();
        long bytes = DeviceSpan.Bytes<T>(length);
        using CudaContextScope scope = context.Enter();
        CUdeviceptr address;
        CUresult result = context.Driver.cuMemAlloc(&address, (nuint)bytes);
        if (result != CUresult.CUDA_SUCCESS)
            throw context.AllocationError(result, nameof(CudaDriver.cuMemAlloc), bytes, category);
        return new DeviceBuffer<T>(context, address, length, category, Origin.Allocated);
    }

    /// <summary>Uses device memory that the caller allocated. It is never freed here, and must outlive the use of this object.</summary>
    /// <param name="context">The context in which it is used.</param>
    /// <param name="address">The device address, aligned to the element's size.</param>
    /// <param name="length">The number of elements, above 0.</param>
    /// <exception cref="ArgumentException">
    /// The address is null or not aligned, belongs to the host, another context or another device, or the allocation is shorter.
    /// </exception>
    public static DeviceBuffer<T> Wrap(CudaContext context, nint address, long length)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        long bytes = DeviceSpan.Bytes<T>(length);
        ForeignPointer.Check(context, address, bytes, Alignment);
        return new DeviceBuffer<T>(
            context,
            new((ulong)address),
            length,
            OtherCategory,
            Origin.Foreign
        );
    }

    /// <summary>The number of elements.</summary>
    public long Length { get; }

    /// <summary>The whole array.</summary>
    public DeviceSpan<T> Span => new(this, 0, Length);

    /// <summary>A part of the array.</summary>
    /// <param name="start">The first element.</param>
    /// <param name="length">The number of elements; by default all that follow.</param>
    public DeviceSpan<T> Slice(long start, long? length = null) =>
        length is { } count ? Span.Slice(start, count) : Span.Slice(start);

    /// <summary>The whole array.</summary>
    [SuppressMessage(
        "Usage",
        "CA2225:Operator overloads have named alternates",
        Justification = "It has: Span."
    )]
    public static implicit operator DeviceSpan<T>(DeviceBuffer<T>? buffer) =>
        buffer is null ? default : buffer.Span;

    /// <summary>The array's address, as an argument of a kernel.</summary>
    [SuppressMessage(
        "Usage",
        "CA2225:Operator overloads have named alternates",
        Justification = "By way of Span."
    )]
    public static implicit operator KernelArgument(DeviceBuffer<T>? buffer) =>
        (DeviceSpan<T>)buffer;

    /// <summary>The largest power of two that divides the element's size, at most 16.</summary>
    internal static int Alignment => Math.Min(16, Unsafe.SizeOf<T>() & -Unsafe.SizeOf<T>());
}
