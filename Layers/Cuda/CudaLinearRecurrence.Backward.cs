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
        DeviceSpan<float> initial = order.Take(operands.InitialHidden, Size, StatesAt(operands, 0));
        DeviceSpan<float> final = order.Take(gradients.FinalHidden, Size, StatesAt(operands, 1));
        DeviceSpan<float> begun = CudaBackend.Span(gradients.InitialHidden);
        (long here, long below) = (_gradient, _below);
        Tensor gradient = Wide(operands.Workspace, here, batch);
        Owner.Copy(gradients.Y, gradient);
        for (int layer = D.Layers - 1; layer >= 0; layer--)
        {
            Tensor output = OutputOf(operands, layer, batch);
            Tensor input = layer == 0 ? operands.X : InputOf(operands, layer, batch);
            Tensor dx = layer == 0 ? gradients.X : Wide(operands.Workspace, below, batch);
            for (int direction = 0; direction < D.Directions; direction++)
            {
                Place p = Places[layer * D.Directions + direction];
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
                    Owner.Multiply(
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
            if (D.DropsOut)
                operands.Random!.Dropout(dx, dx, D.Dropout, D.DropoutStream + layer - 1);
            (here, below) = (below, here);
            gradient = dx;
        }
        order.Reorder(begun, Size, StatesAt(operands, 1));
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
            .Slice(_ends, (long)batch.Sequences * Size);
        Ends(batch, p, gradient, ends, atEnd: false, adds: false);
        var first = new Matrix(ends, batch.Sequences, Size);
        if (!initial.IsEmpty)
            Owner.Multiply(
                first,
                true,
                new Matrix(initial, batch.Sequences, Size),
                false,
                StateWeight(gradients.Parameters, p),
                beta: 1
            );
        if (!begun.IsEmpty)
            Owner.Multiply(
                first,
                false,
                StateWeight(operands.Parameters, p),
                false,
                new Matrix(begun, batch.Sequences, Size),
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
        if (D.Bias == RecurrentBias.NoBias)
            return;
        var sums = new Tensor(
            operands.Workspace.Storage,
            operands.Workspace.Offset + _bias,
            new Shape(Width)
        );
        Owner.Fill(sums, 0f);
        Owner.ColumnSum(gradient, default, sums);
        for (int direction = 0; direction < D.Directions; direction++)
        {
            Place p = Places[layer * D.Directions + direction];
            Tensor sum = Vector(sums, direction * (long)Size);
            Add(sum, gradients.Parameters, p.InputBias);
            Add(sum, gradients.Parameters, p.StateBias);
        }
    }

    private void Add(Tensor sum, Tensor gradients, long place)
    {
        if (place < 0)
            return;
        Tensor gradient = Vector(gradients, place);
        Owner.Pointwise(
            PointwiseOp.Add,
            new PointwiseArguments
            {
                A = sum,
                B = gradient,
                Out = gradient,
            }
        );
    }

    private DeviceSpan<float> Transposed(in RecurrentOperands operands, in Place p)
    {
        long count = (long)Size * Size;
        long number = p.Layer * D.Directions + p.Direction;
        return CudaBackend.Span(operands.Workspace).Slice(_transposed + number * count, count);
    }
}
