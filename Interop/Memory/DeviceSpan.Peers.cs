using Sequor.Native;

namespace Sequor.Interop;

// Copies between memory of two contexts.
public readonly unsafe partial record struct DeviceSpan<T>
    where T : unmanaged
{
    /// <summary>
    /// Queues a copy from memory of any context, on any device, and does not wait: directly where one device reaches the other
    /// (<see cref="CudaDevice.CanAccess"/>) and access is enabled, else through the host. Nothing but the stream orders it:
    /// <see cref="CudaPeerLink"/> orders it with work of both contexts.
    /// </summary>
    /// <param name="source">As many elements as the span has, which do not overlap it.</param>
    /// <param name="stream">A stream of the span's context or of the source's.</param>
    /// <exception cref="ArgumentException">The lengths differ, or the stream is of neither context.</exception>
    /// <exception cref="ObjectDisposedException">Memory or the stream was disposed.</exception>
    public void CopyFromPeer(DeviceSpan<T> source, CudaStream stream)
    {
        RequireCopy(source, stream);
        if (IsEmpty)
            return;
        CudaContext context = stream.Context;
        using CudaContextScope scope = context.Enter();
        context.Check(
            context.Driver.cuMemcpyPeerAsync(
                Handle,
                Memory!.Context.NativeHandle,
                source.Handle,
                source.Memory!.Context.NativeHandle,
                (nuint)ByteCount,
                stream.Handle
            ),
            nameof(CudaDriver.cuMemcpyPeerAsync)
        );
    }

    /// <summary>Throws if a copy from other memory cannot be queued in a stream.</summary>
    internal void RequireCopy(DeviceSpan<T> source, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.ThrowIfDisposed();
        if (source.Length != Length)
            throw new ArgumentException(
                $"{nameof(CopyFromPeer)} between {Length} elements here and {source.Length} there; they have to be as many.",
                nameof(source)
            );
        if (IsEmpty)
            return;
        Memory!.ThrowIfDisposed();
        source.Memory!.ThrowIfDisposed();
        CudaContext here = Memory.Context;
        CudaContext there = source.Memory.Context;
        if (!ReferenceEquals(here.Driver, there.Driver))
            throw new ArgumentException(
                "The memory is of different CUDA libraries, which know nothing of each other.",
                nameof(source)
            );
        CUcontext own = stream.Context.NativeHandle;
        if (own != here.NativeHandle && own != there.NativeHandle)
            throw new ArgumentException(
                $"The stream is of context 0x{own.Value:x}, neither of that of the memory here"
                    + $" (0x{here.NativeHandle.Value:x}) nor of that there"
                    + $" (0x{there.NativeHandle.Value:x}).",
                nameof(stream)
            );
    }
}
