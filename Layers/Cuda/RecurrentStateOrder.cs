using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Moves states [L, B, C] between the caller's order of sequences and the order of packed ones, which cuDNN wants. One launch moves all of
/// them. The order is read on the device, so it may be another one each time a step is replayed.
/// </summary>
internal readonly ref struct RecurrentStateOrder
{
    private readonly CudaBackend _backend;
    private readonly DeviceSpan<int> _order;
    private readonly int _layers;
    private readonly int _batch;

    /// <summary>Takes the order of a packed batch. Of any other batch the layout is null, and nothing is moved.</summary>
    public RecurrentStateOrder(CudaBackend backend, SequenceLayout? layout, int layers, int batch)
    {
        _backend = backend;
        _order = CudaBackend.Order(layout);
        _layers = layers;
        _batch = batch;
    }

    /// <summary>
    /// The caller's states in cuDNN's order: the caller's own memory where the order is the same, else a copy at the given place.
    /// </summary>
    public DeviceSpan<float> Take(Tensor states, int columns, DeviceSpan<float> place)
    {
        DeviceSpan<float> from = CudaBackend.Span(states);
        if (_order.IsEmpty || from.IsEmpty)
            return from;
        DeviceSpan<float> to = place.Slice(0, from.Length);
        Move(from, to, columns, back: false);
        return to;
    }

    /// <summary>
    /// Where cuDNN is to write states for the caller: the caller's own memory where the order is the same and cuDNN does not read it in the
    /// same call, else the given place.
    /// </summary>
    public DeviceSpan<float> Room(Tensor states, Tensor read, DeviceSpan<float> place)
    {
        DeviceSpan<float> to = CudaBackend.Span(states);
        if (to.IsEmpty)
            return to;
        bool same = !read.IsEmpty && read.Address == states.Address;
        return _order.IsEmpty && !same ? to : place.Slice(0, to.Length);
    }

    /// <summary>Puts what was written to <see cref="Room"/> into the caller's memory, if it is not there already.</summary>
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

    /// <summary>Puts states that cuDNN wrote in its own order into the caller's order, through a copy at the given place.</summary>
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
