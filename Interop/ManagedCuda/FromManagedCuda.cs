using System.Runtime.CompilerServices;
using ManagedCuda.BasicTypes;
using Theirs = global::ManagedCuda;

namespace Sequor.Interop;

/// <summary>
/// ManagedCuda's objects as those of Interop. They stay ManagedCuda's: nothing is copied, and disposing the result gives back nothing of
/// theirs. Each must be kept as long as the result is used.
/// </summary>
public static class FromManagedCuda
{
    /// <summary>Uses ManagedCuda's context, a primary one or not.</summary>
    /// <param name="context">The context.</param>
    /// <param name="libraries">The libraries to call; by default those of the process.</param>
    /// <exception cref="ArgumentException">It is no context any more.</exception>
    public static CudaContext ToSequor(
        this Theirs.CudaContext context,
        CudaLibraries? libraries = null
    )
    {
        ArgumentNullException.ThrowIfNull(context);
        return CudaContext.Attach(context.Context.Pointer, libraries);
    }

    /// <summary>Uses ManagedCuda's stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="context">The stream's context.</param>
    /// <exception cref="ArgumentException">It is no stream of the context.</exception>
    /// <exception cref="ObjectDisposedException">The stream or the context was disposed.</exception>
    public static CudaStream ToSequor(this Theirs.CudaStream stream, CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(stream);
        // Its own property throws once it is disposed.
        return stream.Stream.ToSequor(context);
    }

    /// <summary>Uses a stream by ManagedCuda's handle; 0 is the default stream.</summary>
    /// <inheritdoc cref="ToSequor(Theirs.CudaStream, CudaContext)"/>
    public static CudaStream ToSequor(this CUstream stream, CudaContext context) =>
        CudaStream.Attach(context, stream.Pointer);

    /// <summary>Uses ManagedCuda's event.</summary>
    /// <param name="event">The event.</param>
    /// <param name="context">The event's context.</param>
    /// <param name="timing">Whether it was made to record the time, and was recorded.</param>
    /// <exception cref="ArgumentException">It is no event.</exception>
    public static CudaEvent ToSequor(
        this Theirs.CudaEvent @event,
        CudaContext context,
        bool timing = false
    )
    {
        ArgumentNullException.ThrowIfNull(@event);
        return CudaEvent.Attach(context, @event.Event.Pointer, timing);
    }

    /// <summary>Uses the memory of ManagedCuda's device variable, all of it.</summary>
    /// <typeparam name="T">The elements' type, of as many bytes on both sides.</typeparam>
    /// <param name="variable">The variable.</param>
    /// <param name="context">The variable's context.</param>
    /// <exception cref="ArgumentException">
    /// It is freed or of another context, or ManagedCuda counts other bytes an element, as of bool and char.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">It has no elements.</exception>
    public static DeviceBuffer<T> ToSequor<T>(
        this Theirs.CudaDeviceVariable<T> variable,
        CudaContext context
    )
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(variable);
        ulong size = variable.TypeSize;
        if (size != (ulong)Unsafe.SizeOf<T>())
            throw new ArgumentException(
                $"ManagedCuda counts {size} bytes for {typeof(T).Name}, which has {Unsafe.SizeOf<T>()}:"
                    + " use a type of that size, such as byte for bool.",
                nameof(variable)
            );
        return variable.DevicePointer.ToSequor<T>(context, variable.Size);
    }

    /// <summary>Uses device memory by ManagedCuda's address.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="address">The address of the first element.</param>
    /// <param name="context">The memory's context.</param>
    /// <param name="length">The number of elements, above 0.</param>
    /// <exception cref="ArgumentException">
    /// The address is null or not aligned, belongs to the host, another context or another device, or the allocation is shorter.
    /// </exception>
    public static DeviceBuffer<T> ToSequor<T>(
        this CUdeviceptr address,
        CudaContext context,
        long length
    )
        where T : unmanaged
    {
        ulong value = address.Pointer;
        return DeviceBuffer<T>.Wrap(context, (nint)value, length);
    }
}
