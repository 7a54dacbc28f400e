using System.Runtime.InteropServices;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Copies to the device that the host does not wait for. They go through pinned memory, whose two halves are filled in turn. The host waits
/// only when it returns to a half whose copies are still under way.
/// </summary>
internal sealed class CudaUploads : IDisposable
{
    /// <summary>The size of a half, in bytes. Larger copies go in several pieces.</summary>
    public const int HalfBytes = 4 << 20;

    // Pieces start at multiples of it, so that copies start aligned.
    private const int AlignmentBytes = 64;

    private readonly PinnedBuffer<byte> _pinned;
    private readonly CudaEvent[] _ends = new CudaEvent[2];
    private int _half;
    private int _used;

    public CudaUploads(CudaContext context, CudaStream stream)
    {
        Stream = stream;
        try
        {
            _pinned = context.AllocatePinned<byte>(2 * HalfBytes);
            for (int i = 0; i < _ends.Length; i++)
                _ends[i] = context.CreateEvent();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The stream that they are queued on.</summary>
    public CudaStream Stream { get; }

    /// <summary>Queues a copy. The source may be reused when the call returns.</summary>
    public void Copy<T>(ReadOnlySpan<T> source, DeviceSpan<T> destination)
        where T : unmanaged
    {
        ReadOnlySpan<byte> from = MemoryMarshal.AsBytes(source);
        if (from.Length != destination.ByteCount)
            throw new ArgumentException(
                $"{from.Length} bytes are to go into {destination.ByteCount}.",
                nameof(source)
            );
        DeviceSpan<byte> to = destination.Cast<byte>();
        for (int done = 0; done < from.Length; )
        {
            if (_used == HalfBytes)
                Turn();
            int count = Math.Min(from.Length - done, HalfBytes - _used);
            int start = _half * HalfBytes + _used;
            from.Slice(done, count).CopyTo(_pinned.Span.Slice(start, count));
            to.Slice(done, count).EnqueueCopyFrom(_pinned, Stream, start);
            done += count;
            _used = Math.Min(
                HalfBytes,
                (_used + count + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes
            );
        }
    }

    public void Dispose()
    {
        _pinned?.Dispose();
        foreach (CudaEvent? end in _ends)
            end?.Dispose();
    }

    private void Turn()
    {
        _ends[_half].Record(Stream);
        _half = 1 - _half;
        _used = 0;
        // Synchronizing with an event that was never recorded returns at once.
        _ends[_half].Synchronize();
    }
}
