using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// The backward pass of a linear recurrence, and where its operands lie.
internal sealed partial class CudaLinearRecurrence
{
    protected override void BackwardCore(
        in RecurrentOperands operands,
        in RecurrentGradients gradients
    )
    {
        Batch batch = BatchOf(operands);
        RecurrentStateOrder order = OrderOf(batch);
        DeviceSpan<float> initial = order.Take(operands.InitialHidden, _size, States(operands, 0));
        DeviceSpan<float> final = order.Take(gradients.FinalHidden, _size, States(operands, 1));
        DeviceSpan<float> begun = CudaBackend.Span(gradients.InitialHidden);
        (long here, long below) = (_gradient, _below);
        Tensor gradient = Wide(operands.Workspace, here, batch);
        _backend.Copy(gradients.Y, gradient);
        for (int layer = _d.Layers - 1; layer >= 0; layer--)
        {
            Tensor output = OutputOf(operands, layer, batch);
            Tensor input = layer == 0 ? operands.X : InputOf(operands, layer, batch);
            Tensor dx = layer == 0 ? gradients.X : Wide(operands.Workspace, below, batch);
            for (int direction = 0; direction < _d.Directions; direction++)
            {
                Place p = _places[layer * _d.Directions + direction];
                if (!final.IsEmpty)
                    Ends(batch, p, gradient, StateOf(final, p, batch), atEnd: true, adds: true);
                Walk(operands, batch, p, gradient, default, default, forward: false);
                Matrix columns = Columns(gradient, p);
                AddWeights(operands, gradients, batch, p, columns, input, output);
                AddStates(
                    operands,
                    gradients,
                    batch,
                    p,
                    gradient,
                    StateOf(initial, p, batch),
                    StateOf(begun, p, batch)
                );
                if (!dx.IsEmpty)
                    _backend.Multiply(
                        columns,
                        false,
                        InputWeight(operands.Parameters, p),
                        false,
                        CudaBackend.Matrix(dx),
                        beta: direction > 0 ? 1 : 0
                    );
            }
            AddBiases(operands, gradients, layer, gradient);
            if (layer == 0)
                break;
            if (_d.DropsOut)
                operands.Random!.Dropout(dx, dx, _d.Dropout, _d.DropoutStream + layer - 1);
            (here, below) = (below, here);
            gradient = dx;
        }
        order.Reorder(begun, _size, States(operands, 1));
    }

    // The gradients of the weights, dW_ih += g' x and dW_hh += g' h of the step before.
    private void AddWeights(
        in RecurrentOperands operands,
        in RecurrentGradients gradients,
        in Batch batch,
        in Place p,
        in Matrix gradient,
        Tensor input,
        Tensor output
    )
    {
        _backend.Multiply(
            gradient,
            true,
            CudaBackend.Matrix(input),
            false,
            InputWeight(gradients.Parameters, p),
            beta: 1
        );
        if (batch.Steps == 1)
            return;
        // The rows that have a step before them in this direction, and those of that step.
        bool reverse = p.Direction == 1;
        int first = reverse ? 0 : batch.Row(1);
        int count = (reverse ? batch.Row(batch.Steps - 1) : batch.Rows) - first;
        Matrix before = Columns(
            batch.Layout is null ? output : Shifted(operands, batch, output, reverse),
            p
        );
        _backend.Multiply(
            Rows(gradient, first, count),
            true,
            Rows(before, batch.Layout is null && reverse ? batch.Row(1) : 0, count),
            false,
            StateWeight(gradients.Parameters, p),
            beta: 1
        );
    }

    // Of packed rows the distance to the step before differs from step to step, so they are gathered; a sequence that begins has zeros.
    private Tensor Shifted(
        in RecurrentOperands operands,
        in Batch batch,
        Tensor output,
        bool reverse
    )
    {
        Tensor shifted = Wide(operands.Workspace, _before, batch);
        int count = batch.Steps - 1;
        KernelGrid grid = KernelGrid.Steps(count, _width);
        _backend.Kernels.Launch(
            "shift_steps",
            grid,
            CudaBackend.Span(output),
            CudaBackend.Span(shifted),
            CudaBackend.FirstRows(batch.Layout),
            reverse ? 0 : 1,
            reverse ? 1 : 0,
            count,
            _width,
            grid.Lanes
        );
        return shifted;
    }

    // What the first step's gradient gives to dW_hh, where there was an initial state, and to that state.
    private void AddStates(
        in RecurrentOperands operands,
        in RecurrentGradients gradients,
        in Batch batch,
        in Place p,
        Tensor gradient,
        DeviceSpan<float> initial,
        DeviceSpan<float> begun
    )
    {
        if (initial.IsEmpty && begun.IsEmpty)
            return;
        DeviceSpan<float> ends = CudaBackend
            .Span(operands.Workspace)
            .Slice(_ends, (long)batch.Sequences * _size);
        Ends(batch, p, gradient, ends, atEnd: false, adds: false);
        var first = new Matrix(ends, batch.Sequences, _size);
        if (!initial.IsEmpty)
            _backend.Multiply(
                first,
                true,
                new Matrix(initial, batch.Sequences, _size),
                false,
                StateWeight(gradients.Parameters, p),
                beta: 1
            );
        if (!begun.IsEmpty)
            _backend.Multiply(
                first,
                false,
                StateWeight(operands.Parameters, p),
                false,
                new Matrix(begun, batch.Sequences, _size),
                beta: 0
            );
    }

    private void AddBiases(
        in RecurrentOperands operands,
        in RecurrentGradients gradients,
        int layer,
        Tensor gradient
    )
    {
        if (_d.Bias == RecurrentBias.NoBias)
            return;
        var sums = new Tensor(
            operands.Workspace.Storage,
            operands.Workspace.Offset + _bias,
            new Shape(_width)
        );
        _backend.Fill(sums, 0f);
        _backend.ColumnSum(gradient, default, sums);
        for (int direction = 0; direction < _d.Directions; direction++)
        {
            Place p = _places[layer * _d.Directions + direction];
            Tensor sum = Vector(sums, direction * (long)_size);
            Add(sum, gradients.Parameters, p.InputBias);
            Add(sum, gradients.Parameters, p.StateBias);
        }
    }

    private void Add(Tensor sum, Tensor gradients, long place)
    {
        if (place < 0)
            return;
        Tensor gradient = Vector(gradients, place);
        _backend.Pointwise(
            PointwiseOp.Add,
            new PointwiseArguments
            {
                A = sum,
                B = gradient,
                Out = gradient,
            }
        );
    }

    // What a layer reads: the layer below's output, dropped anew where there is dropout.
    private Tensor InputOf(in RecurrentOperands operands, int layer, in Batch batch)
    {
        Tensor below = OutputOf(operands, layer - 1, batch);
        if (!_d.DropsOut)
            return below;
        Tensor dropped = Wide(operands.Workspace, _dropped, batch);
        operands.Random!.Dropout(below, dropped, _d.Dropout, _d.DropoutStream + layer - 1);
        return dropped;
    }

    private Tensor OutputOf(in RecurrentOperands operands, int layer, in Batch batch) =>
        layer == _d.Layers - 1
            ? operands.Y
            : Wide(_d.Training ? operands.Reserve : operands.Workspace, _outputs[layer], batch);

    private Tensor Wide(Tensor block, long offset, in Batch batch) =>
        new(block.Storage, block.Offset + offset, new Shape(batch.Rows, _width));

    private Tensor Vector(Tensor block, long offset) =>
        new(block.Storage, block.Offset + offset, new Shape(_size));

    // The columns of a direction.
    private Matrix Columns(Tensor values, in Place p)
    {
        int rows = checked((int)values.Shape.Rows);
        long extent = (rows - 1L) * _width + _size;
        return new Matrix(
            CudaBackend.Span(values).Slice((long)p.Direction * _size, extent),
            rows,
            _size,
            _width
        );
    }

    private static Matrix Rows(in Matrix values, int first, int count) =>
        values with
        {
            Elements = values.Elements.Slice(
                (long)first * values.Stride,
                (count - 1L) * values.Stride + values.Columns
            ),
            Rows = count,
        };

    private Matrix InputWeight(Tensor parameters, in Place p) =>
        new(
            CudaBackend.Span(parameters).Slice(p.InputWeight, (long)_size * p.Inputs),
            _size,
            p.Inputs
        );

    private Matrix StateWeight(Tensor parameters, in Place p) =>
        new(CudaBackend.Span(parameters).Slice(p.StateWeight, (long)_size * _size), _size, _size);

    private DeviceSpan<float> Transposed(in RecurrentOperands operands, in Place p)
    {
        long count = (long)_size * _size;
        long number = p.Layer * _d.Directions + p.Direction;
        return CudaBackend.Span(operands.Workspace).Slice(_transposed + number * count, count);
    }

    // The two places of states in the order of packed sequences.
    private DeviceSpan<float> States(in RecurrentOperands operands, int number) =>
        _d.States
            ? CudaBackend
                .Span(operands.Workspace)
                .Slice(_states + number * _backend.Align(_stateFloats), _stateFloats)
            : default;

    // The states of a direction of a layer, [B, H] of [layers * directions, B, H]; empty where there are none.
    private DeviceSpan<float> StateOf(DeviceSpan<float> states, in Place p, in Batch batch)
    {
        long count = (long)batch.Sequences * _size;
        return states.IsEmpty
            ? states
            : states.Slice((p.Layer * _d.Directions + p.Direction) * count, count);
    }

    private RecurrentStateOrder OrderOf(in Batch batch) =>
        new(_backend, batch.Layout, _places.Length, batch.Sequences);
}
