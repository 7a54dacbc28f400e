using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// States [L, B, C] in the caller's order of sequences, and in that of packed ones, which cuDNN wants. One launch moves all; the
/// order is read on the device, so that it may be another one each time a step is replayed.
/// </summary>
internal readonly ref struct RecurrentStateOrder
{
    private readonly CudaBackend _backend;
    private readonly DeviceSpan<int> _order;
    private readonly int _layers;
    private readonly int _batch;

    /// <summary>Of a packed batch; of any other, whose layout is null, nothing is moved.</summary>
    public RecurrentStateOrder(CudaBackend backend, SequenceLayout? layout, int layers, int batch)
    {
        _backend = backend;
        _order = CudaBackend.Order(layout);
        _layers = layers;
        _batch = batch;
    }

    /// <summary>The caller's states in cuDNN's order: themselves, or put into a place.</summary>
    public DeviceSpan<float> Take(Tensor states, int columns, DeviceSpan<float> place)
    {
        DeviceSpan<float> from = CudaBackend.Span(states);
        if (_order.IsEmpty || from.IsEmpty)
            return from;
        DeviceSpan<float> to = place.Slice(0, from.Length);
        Move(from, to, columns, back: false);
        return to;
    }

    /// <summary>Where cuDNN may write states for the caller.</summary>
    public DeviceSpan<float> Room(Tensor states, Tensor read, DeviceSpan<float> place)
    {
        DeviceSpan<float> to = CudaBackend.Span(states);
        if (to.IsEmpty)
            return to;
        bool same = !read.IsEmpty && read.Address == states.Address;
        return _order.IsEmpty && !same ? to : place.Slice(0, to.Length);
    }

    /// <summary>Gives the caller what was written to <see cref="Room"/>.</summary>
    public void Give(DeviceSpan<float> written, int columns, Tensor states)
    {
        DeviceSpan<float> to = CudaBackend.Span(states);
        if (to.IsEmpty || written.Handle == to.Handle)
            return;
        if (_order.IsEmpty)
            to.CopyFrom(written, _backend.Stream);
        else
            Move(written, to, columns, back: true);
    }

    /// <summary>Puts states that cuDNN wrote in its order into the caller's, by way of a place.</summary>
    public void Reorder(DeviceSpan<float> states, int columns, DeviceSpan<float> place)
    {
        if (_order.IsEmpty || states.IsEmpty)
            return;
        DeviceSpan<float> written = place.Slice(0, states.Length);
        written.CopyFrom(states, _backend.Stream);
        Move(written, states, columns, back: true);
    }

    private void Move(DeviceSpan<float> from, DeviceSpan<float> to, int columns, bool back)
    {
        KernelGrid grid = KernelGrid.Rows((long)_layers * _batch, columns);
        _backend.Kernels.Launch(
            "order_states",
            grid,
            from,
            to,
            _order,
            _layers,
            _batch,
            columns,
            back ? 1 : 0,
            grid.Lanes
        );
    }
}
