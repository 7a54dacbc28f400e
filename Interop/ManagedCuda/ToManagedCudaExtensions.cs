using ManagedCuda.BasicTypes;
using Theirs = global::ManagedCuda;

namespace Sequor.Interop;

/// <summary>
/// Interop's objects as those of ManagedCuda. They stay Interop's: ManagedCuda neither frees nor keeps them, so each must be kept as long
/// as the result is used.
/// </summary>
public static class ToManagedCudaExtensions
{
    /// <summary>The context's handle.</summary>
    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    public static CUcontext ToManagedCuda(this CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new CUcontext { Pointer = context.Handle.Value };
    }

    /// <summary>The stream as ManagedCuda's, which does not destroy it; its property Stream has the handle.</summary>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public static Theirs.CudaStream ToManagedCuda(this CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new Theirs.CudaStream(new CUstream { Pointer = stream.Handle.Value }, false);
    }

    /// <summary>The event's handle; ManagedCuda makes no object of one.</summary>
    /// <exception cref="ObjectDisposedException">The event was disposed.</exception>
    public static CUevent ToManagedCuda(this CudaEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        return new CUevent { Pointer = @event.Handle.Value };
    }

    /// <summary>The buffer as ManagedCuda's device variable, which does not free it.</summary>
    /// <typeparam name="T">The elements' type, of as many bytes on both sides.</typeparam>
    /// <exception cref="ArgumentException">ManagedCuda counts other bytes an element, as of bool and char.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public static Theirs.CudaDeviceVariable<T> ToManagedCuda<T>(this DeviceBuffer<T> buffer)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(buffer);
        return buffer.Span.ToManagedCuda();
    }

    /// <summary>A part of a buffer as ManagedCuda's device variable, which does not free it.</summary>
    /// <typeparam name="T">The elements' type, of as many bytes on both sides.</typeparam>
    /// <exception cref="ArgumentException">
    /// The span has no elements, or ManagedCuda counts other bytes an element, as of bool and char.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public static Theirs.CudaDeviceVariable<T> ToManagedCuda<T>(this DeviceSpan<T> span)
        where T : unmanaged
    {
        if (span.IsEmpty)
            throw new ArgumentException("The span has no elements.", nameof(span));
        var variable = new Theirs.CudaDeviceVariable<T>(
            span.ToDevicePointer(),
            isOwner: false,
            span.ByteCount
        );
        ulong size = variable.TypeSize;
        if (size * (ulong)span.Length != (ulong)span.ByteCount)
            throw new ArgumentException(
                $"ManagedCuda counts {size} bytes for {typeof(T).Name}, not"
                    + $" {span.ByteCount / span.Length}: use a type of that size, such as byte for bool.",
                nameof(span)
            );
        return variable;
    }

    /// <summary>The span's address.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public static CUdeviceptr ToDevicePointer<T>(this DeviceSpan<T> span)
        where T : unmanaged => new(span.Handle.Value);

    /// <summary>The module's handle.</summary>
    /// <exception cref="ObjectDisposedException">The module was disposed.</exception>
    public static CUmodule ToManagedCuda(this CudaModule module)
    {
        ArgumentNullException.ThrowIfNull(module);
        return new CUmodule { Pointer = module.Handle.Value };
    }

    /// <summary>The kernel as ManagedCuda's, to be launched by it; its grid and block are ManagedCuda's own.</summary>
    /// <exception cref="ObjectDisposedException">The kernel's module was disposed.</exception>
    public static Theirs.CudaKernel ToManagedCuda(this CudaKernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        // It asks the driver for the kernel, in the context that is current.
        using CudaContextScope scope = kernel.Module.Context.MakeCurrent();
        return new Theirs.CudaKernel(kernel.Name, kernel.Module.ToManagedCuda());
    }
}
