using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// States [L, B, C] in the caller's order of sequences, and in that of packed ones, which cuDNN wants. Where the orders are
/// one, nothing is moved.
/// </summary>
internal readonly ref struct RecurrentStateOrder
{
    private readonly CudaStream _stream;
    private readonly int[]? _order;
    private readonly int _layers;
    private readonly int _batch;

    public RecurrentStateOrder(CudaStream stream, int[]? order, int layers, int batch)
    {
        _stream = stream;
        _layers = layers;
        _batch = batch;
        for (int i = 0; order is not null && i < batch; i++)
        {
            if (order[i] != i)
            {
                _order = order;
                break;
            }
        }
    }

    /// <summary>The caller's states in cuDNN's order: themselves, or put into a place.</summary>
    public DeviceSpan<float> Take(Tensor states, int columns, DeviceSpan<float> place)
    {
        DeviceSpan<float> from = CudaBackend.Span(states);
        if (_order is null || from.IsEmpty)
            return from;
        DeviceSpan<float> to = place.Slice(0, from.Length);
        Move(from, to, columns, gather: true);
        return to;
    }

    /// <summary>Where cuDNN may write states for the caller.</summary>
    public DeviceSpan<float> Room(Tensor states, Tensor read, DeviceSpan<float> place)
    {
        DeviceSpan<float> to = CudaBackend.Span(states);
        if (to.IsEmpty)
            return to;
        bool same = !read.IsEmpty && read.Address == states.Address;
        return _order is null && !same ? to : place.Slice(0, to.Length);
    }

    /// <summary>Gives the caller what was written to <see cref="Room"/>.</summary>
    public void Give(DeviceSpan<float> written, int columns, Tensor states)
    {
        DeviceSpan<float> to = CudaBackend.Span(states);
        if (to.IsEmpty || written.Handle == to.Handle)
            return;
        if (_order is null)
            to.CopyFrom(written, _stream);
        else
            Move(written, to, columns, gather: false);
    }

    /// <summary>Puts states that cuDNN wrote in its order into the caller's, by way of a place.</summary>
    public void Reorder(DeviceSpan<float> states, int columns, DeviceSpan<float> place)
    {
        if (_order is null || states.IsEmpty)
            return;
        DeviceSpan<float> written = place.Slice(0, states.Length);
        written.CopyFrom(states, _stream);
        Move(written, states, columns, gather: false);
    }

    private void Move(DeviceSpan<float> from, DeviceSpan<float> to, int columns, bool gather)
    {
        for (int layer = 0; layer < _layers; layer++)
        for (int i = 0; i < _batch; i++)
        {
            long packed = ((long)layer * _batch + i) * columns;
            long own = ((long)layer * _batch + _order![i]) * columns;
            (long source, long target) = gather ? (own, packed) : (packed, own);
            to.Slice(target, columns).CopyFrom(from.Slice(source, columns), _stream);
        }
    }
}
