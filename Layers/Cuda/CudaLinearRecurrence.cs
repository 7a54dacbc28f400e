using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A linear dense recurrence, which cuDNN does not have: h_t = W_hh h_{t-1} + W_ih x_t + b_ih + b_hh. The inputs of all steps are one
/// product. Along time goes one launch of a kernel of ours, or, where a state has more values than that kernel takes, a product a step. The
/// gradients of the weights are one product over all steps each.
/// </summary>
internal sealed partial class CudaLinearRecurrence : RecurrentOperation
{
    /// <summary>The largest state that the kernel takes: a block's matrix then lies in a multiprocessor's cache.</summary>
    public const int MostInKernel = 256;

    private readonly CudaBackend _backend;
    private readonly RecurrentDescriptor _d;
    private readonly Place[] _places;
    private readonly int _size;
    private readonly int _width;
    private readonly long _rows;

    // Where things lie in the workspace, or, of the outputs of all layers but the last, in the reserve.
    private readonly long _transposed;
    private readonly long _bias;
    private readonly long[] _outputs;
    private readonly long _dropped;
    private readonly long _gradient;
    private readonly long _below;
    private readonly long _before;
    private readonly long _ends;
    private readonly long _stateFloats;
    private readonly long _states;
    private long _workspaceCount;

    /// <summary>Prepares a recurrence.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The network, whose kind is linear.</param>
    public CudaLinearRecurrence(CudaBackend backend, in RecurrentDescriptor descriptor)
        : base(backend, descriptor)
    {
        (_backend, _d) = (backend, descriptor);
        (_size, _width) = (_d.HiddenSize, _d.OutputSize);
        _rows = checked((long)_d.MaxLength * _d.MaxBatch);
        ParameterLayout layout = backend.RecurrentLayout(descriptor);
        _places = [.. PlacesOf(_d, layout)];
        long outputs = backend.Align(checked(_rows * _width));
        if (InKernel)
            _transposed = Take(checked((long)_places.Length * _size * _size));
        _bias = Take(_width);
        _outputs = new long[_d.Layers - 1];
        for (int layer = 0; layer < _outputs.Length; layer++)
        {
            // Without a backward pass a layer's output is only read by the next one.
            _outputs[layer] =
                _d.Training ? layer * outputs
                : layer < 2 ? Take(outputs)
                : _outputs[layer - 2];
        }
        ReserveCount = _d.Training ? checked(_outputs.Length * outputs) : 0;
        if (_d.DropsOut)
            _dropped = Take(outputs);
        if (_d.States)
        {
            _stateFloats = checked((long)_places.Length * _d.MaxBatch * _size);
            _states = Take(checked(2 * backend.Align(_stateFloats)));
        }
        if (!_d.Training)
            return;
        _gradient = Take(outputs);
        if (_d.Layers > 1)
            _below = Take(outputs);
        if (_d.VariableLengths)
            _before = Take(outputs);
        if (_d.States)
            _ends = Take(checked((long)_d.MaxBatch * _size));
        PlanProducts();
    }

    /// <inheritdoc/>
    public override long WorkspaceCount => _workspaceCount;

    /// <inheritdoc/>
    public override long ReserveCount { get; }

    private bool InKernel => _size <= MostInKernel;

    private long Take(long count)
    {
        long at = _workspaceCount;
        _workspaceCount = checked(at + _backend.Align(count));
        return at;
    }

    // The parameters of one direction of one layer; biases that there are not lie at -1.
    private readonly record struct Place(
        int Layer,
        int Direction,
        int Inputs,
        long InputWeight,
        long StateWeight,
        long InputBias,
        long StateBias
    );

    private static IEnumerable<Place> PlacesOf(RecurrentDescriptor d, ParameterLayout layout)
    {
        for (int layer = 0; layer < d.Layers; layer++)
        {
            for (int direction = 0; direction < d.Directions; direction++)
            {
                string name = RecurrentDescriptor.PlaceName(layer, direction);
                yield return new Place(
                    layer,
                    direction,
                    d.LayerInput(layer),
                    layout.Offsets[$"weight_ih_{name}"],
                    layout.Offsets[$"weight_hh_{name}"],
                    layout.Offsets.GetValueOrDefault($"bias_ih_{name}", -1),
                    layout.Offsets.GetValueOrDefault($"bias_hh_{name}", -1)
                );
            }
        }
    }

    private void PlanProducts()
    {
        int rows = checked((int)_rows);
        foreach (Place p in _places)
        {
            _backend.PlanProduct(new ProductShape(false, true, rows, _size, p.Inputs));
            _backend.PlanProduct(new ProductShape(false, false, rows, p.Inputs, _size));
            _backend.PlanProduct(new ProductShape(true, false, _size, p.Inputs, rows));
        }
        if (!InKernel)
            _backend.PlanProduct(new ProductShape(false, true, _d.MaxBatch, _size, _size));
    }

    // A batch: its packed layout or null, steps, sequences and rows.
    private readonly record struct Batch(SequenceLayout? Layout, int Steps, int Sequences, int Rows)
    {
        public int Row(int step) => Layout?.Row(step) ?? step * Sequences;

        public int Active(int step) => Layout?.Active(step) ?? Sequences;
    }

    private static Batch BatchOf(in RecurrentOperands operands)
    {
        if (operands.PackedLayout is { } layout)
            return operands.X.Shape.First == layout.Rows
                ? new Batch(layout, layout.Steps, layout.Batch, layout.Rows)
                : throw new ArgumentException(
                    $"The packed input has {Amount.Of(operands.X.Shape.First, "row")}, the lengths add up to {layout.Rows}."
                );
        return operands.Lengths is null
            ? new Batch(
                null,
                operands.X.Shape.First,
                operands.X.Shape[1],
                checked((int)operands.X.Shape.Rows)
            )
            : throw new NotSupportedException(
                "On CUDA a linear recurrence takes sequences of different lengths packed."
            );
    }

    protected override void ForwardCore(in RecurrentOperands operands)
    {
        Batch batch = BatchOf(operands);
        RecurrentStateOrder order = OrderOf(batch);
        DeviceSpan<float> initial = order.Take(operands.InitialHidden, _size, States(operands, 0));
        DeviceSpan<float> final = order.Room(
            operands.FinalHidden,
            operands.InitialHidden,
            States(operands, 1)
        );
        Tensor input = operands.X;
        foreach (Place p in _places)
        {
            Tensor output = OutputOf(operands, p.Layer, batch);
            _backend.Multiply(
                CudaBackend.Matrix(input),
                false,
                InputWeight(operands.Parameters, p),
                true,
                Columns(output, p),
                beta: 0
            );
            DeviceSpan<float> bias = BiasOf(operands, p);
            if (InKernel && !operands.SameWeights)
                Transpose(operands, p);
            Walk(operands, batch, p, output, bias, StateOf(initial, p, batch), forward: true);
            if (!final.IsEmpty)
                Ends(batch, p, output, StateOf(final, p, batch), atEnd: true, adds: false);
            if (p.Direction == _d.Directions - 1 && p.Layer < _d.Layers - 1)
                input = InputOf(operands, p.Layer + 1, batch);
        }
        order.Give(final, _size, operands.FinalHidden);
    }

    // The sum of both biases, in the workspace; empty for none.
    private DeviceSpan<float> BiasOf(in RecurrentOperands operands, in Place p)
    {
        if (p.InputBias < 0 && p.StateBias < 0)
            return default;
        Tensor one = Vector(operands.Parameters, Math.Max(p.InputBias, p.StateBias));
        if (p.InputBias < 0 || p.StateBias < 0)
            return CudaBackend.Span(one);
        Tensor sum = Vector(operands.Workspace, _bias);
        _backend.Pointwise(
            PointwiseOp.Add,
            new PointwiseArguments
            {
                A = Vector(operands.Parameters, p.InputBias),
                B = Vector(operands.Parameters, p.StateBias),
                Out = sum,
            }
        );
        return CudaBackend.Span(sum);
    }

    private void Transpose(in RecurrentOperands operands, in Place p)
    {
        long count = (long)_size * _size;
        _backend.Kernels.Launch(
            "linear_transpose",
            KernelGrid.Flat(count),
            StateWeight(operands.Parameters, p).Elements,
            Transposed(operands, p),
            _size
        );
    }

    // Along time, from u to h forward, and from dh to its sum with what later steps give backward, in the columns of a direction.
    private void Walk(
        in RecurrentOperands operands,
        in Batch batch,
        in Place p,
        Tensor values,
        DeviceSpan<float> bias,
        DeviceSpan<float> initial,
        bool forward
    )
    {
        bool reverse = forward == (p.Direction == 1);
        Matrix weight = StateWeight(operands.Parameters, p);
        Matrix columns = Columns(values, p);
        if (!InKernel)
        {
            WalkByProducts(batch, columns, weight, forward, bias, initial, reverse);
            return;
        }
        KernelGrid grid = KernelGrid.Recurrence(batch.Sequences, _size);
        _backend.Kernels.Launch(
            grid.Lanes > 128 ? "linear_recurrence_any"
                : grid.Lanes > 64 ? "linear_recurrence_128"
                : "linear_recurrence_64",
            grid,
            columns.Elements,
            forward ? Transposed(operands, p) : weight.Elements,
            bias,
            initial,
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            _size,
            columns.Stride,
            reverse ? 1 : 0,
            grid.Lanes
        );
    }

    private void WalkByProducts(
        in Batch batch,
        in Matrix values,
        in Matrix weight,
        bool transpose,
        DeviceSpan<float> bias,
        DeviceSpan<float> initial,
        bool reverse
    )
    {
        if (!bias.IsEmpty)
            AddToRows(values, bias);
        for (int n = 0; n < batch.Steps; n++)
        {
            int t = reverse ? batch.Steps - 1 - n : n;
            int before = reverse ? t + 1 : t - 1;
            int active = batch.Active(t);
            int going = n == 0 ? 0 : Math.Min(active, batch.Active(before));
            if (going > 0)
                _backend.Multiply(
                    Rows(values, batch.Row(before), going),
                    false,
                    weight,
                    transpose,
                    Rows(values, batch.Row(t), going),
                    beta: 1
                );
            if (going < active && !initial.IsEmpty)
                _backend.Multiply(
                    new Matrix(
                        initial.Slice((long)going * _size, (long)(active - going) * _size),
                        active - going,
                        _size
                    ),
                    false,
                    weight,
                    transpose,
                    Rows(values, batch.Row(t) + going, active - going),
                    beta: 1
                );
        }
    }

    // Rows may have columns of the other direction between them.
    private void AddToRows(in Matrix values, DeviceSpan<float> row)
    {
        KernelGrid grid = KernelGrid.Rows(values.Rows, values.Columns);
        _backend.Kernels.Launch(
            "linear_bias",
            grid,
            row,
            values.Elements,
            (long)values.Rows,
            values.Columns,
            values.Stride,
            grid.Lanes
        );
    }

    // Reads the steps at which sequences begin or end in a direction into states, or adds states to them.
    private void Ends(
        in Batch batch,
        in Place p,
        Tensor values,
        DeviceSpan<float> states,
        bool atEnd,
        bool adds
    )
    {
        Matrix columns = Columns(values, p);
        KernelGrid grid = KernelGrid.Rows(batch.Sequences, _size);
        _backend.Kernels.Launch(
            "linear_ends",
            grid,
            columns.Elements,
            states,
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            _size,
            columns.Stride,
            atEnd == (p.Direction == 0) ? 1 : 0,
            adds ? 1 : 0,
            grid.Lanes
        );
    }
}
