using Sequor.Native;

namespace Sequor.Layers;

// Memory that other code lends, where memory lies by DLPack's names, and the order of work with other code's streams.
public abstract partial class Backend
{
    // The address of what has no values, as zero stands for memory that was freed.
    private const nint Nowhere = 64;

    // Blocks of other code's memory that were not given back yet.
    private int _lent;

    /// <summary>Whether other code's memory is in use here.</summary>
    private protected bool HasLentMemory => Volatile.Read(ref _lent) != 0;

    /// <summary>The device that the backend's memory is on.</summary>
    internal virtual DLDevice MemoryDevice => new() { device_type = DLDeviceType.kDLCPU };

    /// <summary>Whether operations here can use memory of a device.</summary>
    internal virtual bool Reaches(DLDevice device) =>
        device.device_type
            is DLDeviceType.kDLCPU
                or DLDeviceType.kDLCUDAHost
                or DLDeviceType.kDLROCMHost
                or DLDeviceType.kDLCUDAManaged;

    /// <summary>The number of the stream that work is queued on, as the array API has them; null where work is done when its call returns.</summary>
    internal virtual long? StreamNumber => null;

    /// <summary>Makes work that is queued from now on wait for what other code has queued on a stream.</summary>
    /// <param name="stream">Its number, as <see cref="Layers.StreamNumber"/> has them.</param>
    internal virtual void WaitForStream(long stream) =>
        throw new ArgumentException(
            $"{Info.Device} has no streams: its work is done when a call returns. Give no stream.",
            nameof(stream)
        );

    /// <summary>Makes other code's stream wait for the work that is queued here.</summary>
    /// <param name="stream">Its number; null where other code said none.</param>
    internal virtual void LetStreamWait(long? stream)
    {
        if (stream is { } given)
            WaitForStream(given);
    }

    /// <summary>Sees other code's memory as a tensor.</summary>
    /// <param name="address">The address of the first value; anything where there are no values.</param>
    /// <param name="shape">The sizes.</param>
    /// <param name="readOnly">Whether callers may only read it.</param>
    /// <param name="lease">What ends when the tensor's block is disposed or collected; null if the caller sees to it.</param>
    /// <exception cref="ArgumentException">The address is not one that this backend can use.</exception>
    internal Tensor Borrow(nint address, Shape shape, bool readOnly, DlPackLease? lease)
    {
        object? block = shape.Count == 0 ? null : BlockOf(address, shape.Count);
        if (lease is not null)
            Interlocked.Increment(ref _lent);
        return new Storage(
            this,
            shape.Count == 0 ? Nowhere : address,
            shape.Count,
            MemoryCategory.InputOutput,
            owned: false,
            block,
            lease
        )
        {
            IsReadOnly = readOnly,
        }.View(shape);
    }

    /// <summary>What the backend needs to know about memory that it did not allocate.</summary>
    private protected virtual object? BlockOf(nint address, long count) => null;

    /// <summary>
    /// Sees to it that other code finds its memory unused, once it is given back. False where that cannot be done now, and has to be tried
    /// again by a later call. It throws nothing.
    /// </summary>
    private protected virtual bool EndsUse(DlPackLease lease) => true;

    /// <summary>The same for all memory in use, when the backend ends. It throws nothing.</summary>
    private protected virtual void EndAllUse() { }
}
