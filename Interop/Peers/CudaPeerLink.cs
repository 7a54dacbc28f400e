namespace Sequor.Interop;

/// <summary>
/// Copies from memory that one stream works on to memory that another one works on, of any two contexts, in the order of both. Made once,
/// it copies any number of times and allocates nothing. For one thread at a time.
/// </summary>
/// <remarks>
/// A copy runs in the second stream. It waits for the work that the first stream has by then, and later work of the first stream waits for
/// it, so that neither reads what is not written yet, nor writes what is not read yet.
/// </remarks>
public sealed class CudaPeerLink : IDisposable
{
    private readonly CudaEvent _written;
    private readonly CudaEvent _read;

    /// <inheritdoc cref="CudaStream.LinkTo"/>
    internal CudaPeerLink(CudaStream from, CudaStream to)
    {
        ArgumentNullException.ThrowIfNull(to);
        from.ThrowIfDisposed();
        to.ThrowIfDisposed();
        if (!ReferenceEquals(from.Context.Driver, to.Context.Driver))
            throw new ArgumentException(
                "The streams are of different CUDA libraries, which know nothing of each other.",
                nameof(to)
            );
        if (ReferenceEquals(from, to))
            throw new ArgumentException(
                "It is the same stream, whose work is in order without a link.",
                nameof(to)
            );
        From = from;
        To = to;
        _written = from.Context.CreateEvent();
        try
        {
            _read = to.Context.CreateEvent();
        }
        catch
        {
            _written.Dispose();
            throw;
        }
    }

    /// <summary>The stream whose work writes what is copied.</summary>
    public CudaStream From { get; }

    /// <summary>The stream that copies, and whose work uses the copies.</summary>
    public CudaStream To { get; }

    /// <summary>Queues a copy, and does not wait.</summary>
    /// <param name="source">Memory of the first stream's context.</param>
    /// <param name="destination">As many elements in memory of the second stream's context.</param>
    /// <exception cref="ArgumentException">The memory is of other contexts, or the lengths differ.</exception>
    /// <exception cref="ObjectDisposedException">The link, a stream or memory was disposed.</exception>
    public void Copy<T>(DeviceSpan<T> source, DeviceSpan<T> destination)
        where T : unmanaged
    {
        source.Require(From.Context, nameof(source));
        destination.Require(To.Context, nameof(destination));
        destination.RequireCopy(source, To);
        if (destination.IsEmpty)
            return;
        _written.Record(From);
        To.Wait(_written);
        destination.CopyFromPeer(source, To);
        _read.Record(To);
        From.Wait(_read);
    }

    /// <summary>Gives the events back; copies that are queued go on.</summary>
    public void Dispose()
    {
        _written.Dispose();
        _read.Dispose();
    }
}
