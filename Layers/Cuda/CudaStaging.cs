using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// By way of which a block's values are copied in while the step before, which reads the block, still runs: from pinned memory to memory of
/// its own on a second stream, and from there to the block in the order of the backend's work. So the block's address stays, as replayed
/// steps need, and of the copy only that within the device's memory stands between two steps.
/// </summary>
/// <remarks>
/// Two events order the streams: the block gets what has arrived, and nothing arrives over what the block has not got yet.
/// </remarks>
internal sealed class CudaStaging : IDisposable
{
    private readonly CudaBackend _backend;
    private readonly CudaUploads _uploads;
    private readonly Storage _destination;
    private readonly Storage _memory;
    private readonly bool _ownsMemory;
    private readonly CudaEvent _arrived;
    private readonly CudaEvent _taken;

    // Whether a copy out of the memory may be queued that the event does not stand behind, since the driver refused to record it.
    private bool _isUnmarked;

    /// <summary>Has values be copied to the destination this way from now on.</summary>
    /// <param name="backend">The backend of the block.</param>
    /// <param name="uploads">The copies of the second stream.</param>
    /// <param name="destination">The block.</param>
    /// <param name="memory">As many floats as the block has.</param>
    /// <param name="ownsMemory">Whether it is freed here.</param>
    public CudaStaging(
        CudaBackend backend,
        CudaUploads uploads,
        Storage destination,
        Storage memory,
        bool ownsMemory
    )
    {
        (_backend, _uploads, _destination) = (backend, uploads, destination);
        (_memory, _ownsMemory) = (memory, ownsMemory);
        _arrived = backend.Context.CreateEvent();
        try
        {
            _taken = backend.Context.CreateEvent();
        }
        catch
        {
            _arrived.Dispose();
            throw;
        }
        destination.Staging = this;
    }

    /// <summary>The event behind the last copy of the second stream.</summary>
    internal CudaEvent Arrived => _arrived;

    /// <summary>Queues a copy to the block or a part of it. The source may be reused when the call returns.</summary>
    public void Copy(ReadOnlySpan<float> source, Tensor destination)
    {
        CudaStream work = _backend.Stream;
        DeviceSpan<float> to = CudaBackend.Span(destination);
        DeviceSpan<float> between = CudaBackend.Span(
            new Tensor(_memory, destination.Offset, destination.Shape)
        );
        if (_isUnmarked)
            MarkTaken();
        // Of an event that was never recorded nothing is waited for.
        _uploads.Stream.Wait(_taken);
        _uploads.Copy(source, between);
        _arrived.Record(_uploads.Stream);
        work.Wait(_arrived);
        _isUnmarked = true;
        to.CopyFrom(between, work);
        MarkTaken();
    }

    private void MarkTaken()
    {
        _taken.Record(_backend.Stream);
        _isUnmarked = false;
    }

    public void Dispose()
    {
        if (_destination.Staging == this)
            _destination.Staging = null;
        _arrived.Dispose();
        _taken.Dispose();
        if (_ownsMemory)
            _memory.Dispose();
    }
}
