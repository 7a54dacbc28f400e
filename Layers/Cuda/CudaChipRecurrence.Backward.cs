using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// The backward pass of a recurrent network with weights on the chip.
internal sealed partial class CudaChipRecurrence
{
    protected override void BackwardCore(
        in RecurrentOperands operands,
        in RecurrentGradients gradients
    )
    {
        Batch batch = BatchOf(operands);
        RecurrentStateOrder order = OrderOf(batch);
        var initial = new States
        {
            Hidden = order.Take(operands.InitialHidden, Size, StatesAt(operands, 0)),
            Cell = order.Take(operands.InitialCell, Size, StatesAt(operands, 1)),
        };
        var final = new States
        {
            Hidden = order.Take(gradients.FinalHidden, Size, StatesAt(operands, 2)),
            Cell = order.Take(gradients.FinalCell, Size, StatesAt(operands, 3)),
        };
        var begun = new States
        {
            Hidden = CudaBackend.Span(gradients.InitialHidden),
            Cell = CudaBackend.Span(gradients.InitialCell),
        };
        Tensor dy = gradients.Y;
        for (int layer = D.Layers - 1; layer >= 0; layer--)
        {
            Tensor output = OutputOf(operands, layer, batch);
            Tensor input = layer == 0 ? operands.X : InputOf(operands, layer, batch);
            Tensor dx =
                layer == 0 ? gradients.X : Wide(operands.Workspace, _flow[(layer - 1) & 1], batch);
            for (int direction = 0; direction < D.Directions; direction++)
            {
                Place p = Places[layer * D.Directions + direction];
                Matrix gradient = _hasCells
                    ? GatesOf(operands, p, batch)
                    : new Matrix(
                        Floats(operands.Workspace, _gradient, (long)batch.Rows * StackedSize),
                        batch.Rows,
                        StackedSize
                    );
                if (_hasCells)
                    WalkLstm(operands, batch, p, dy, gradient, initial, final, begun);
                else
                    WalkPlain(operands, batch, p, output, dy, gradient, final, begun);
                AddWeights(operands, gradients, batch, p, gradient, input, output);
                AddFirstStep(
                    operands,
                    gradients,
                    batch,
                    p,
                    gradient,
                    StateOf(initial.Hidden, p, batch)
                );
                if (!dx.IsEmpty)
                    Owner.Multiply(
                        gradient,
                        false,
                        InputWeight(operands.Parameters, p),
                        false,
                        CudaBackend.Matrix(dx),
                        beta: direction > 0 ? 1 : 0
                    );
                AddBiases(operands, gradients, batch, p);
            }
            if (layer == 0)
                break;
            if (D.DropsOut)
                operands.Random!.Dropout(dx, dx, D.Dropout, D.DropoutStream + layer - 1);
            dy = dx;
        }
        order.Reorder(begun.Hidden, Size, StatesAt(operands, 2));
        order.Reorder(begun.Cell, Size, StatesAt(operands, 3));
    }

    private void WalkPlain(
        in RecurrentOperands operands,
        in Batch batch,
        in Place p,
        Tensor output,
        Tensor dy,
        in Matrix gradient,
        in States final,
        in States begun
    ) =>
        Owner.Kernels.LaunchShared(
            _chip.Backward,
            _chip.Grid(batch.Sequences),
            _chip.SharedBytes,
            Columns(output, p).Elements,
            PackedOf(operands, p, _packedBackward),
            Columns(dy, p).Elements,
            gradient.Elements,
            StateOf(final.Hidden, p, batch),
            StateOf(begun.Hidden, p, batch),
            BiasSums(operands, batch),
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            Size,
            Width,
            p.Direction,
            D.Kind == RecurrentKind.Relu ? 1 : 0
        );

    private void WalkLstm(
        in RecurrentOperands operands,
        in Batch batch,
        in Place p,
        Tensor dy,
        in Matrix gradient,
        in States initial,
        in States final,
        in States begun
    ) =>
        Owner.Kernels.LaunchShared(
            _chip.Backward,
            _chip.Grid(batch.Sequences),
            _chip.SharedBytes,
            gradient.Elements,
            PackedOf(operands, p, _packedBackward),
            CellsOf(operands, p, batch),
            StateOf(initial.Cell, p, batch),
            Columns(dy, p).Elements,
            StateOf(final.Hidden, p, batch),
            StateOf(final.Cell, p, batch),
            StateOf(begun.Hidden, p, batch),
            StateOf(begun.Cell, p, batch),
            BiasSums(operands, batch),
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            Size,
            Width,
            p.Direction,
            D.CellClip?.Min ?? float.NegativeInfinity,
            D.CellClip?.Max ?? float.PositiveInfinity
        );

    // What the first step gives to dW_hh, where there was a state before it. The rows of first steps lie together, unless packed
    // sequences begin at their ends.
    private void AddFirstStep(
        in RecurrentOperands operands,
        in RecurrentGradients gradients,
        in Batch batch,
        in Place p,
        in Matrix gradient,
        DeviceSpan<float> initial
    )
    {
        if (initial.IsEmpty)
            return;
        Matrix first = Rows(
            gradient,
            p.Direction == 0 ? 0 : batch.Row(batch.Steps - 1),
            batch.Active(p.Direction == 0 ? 0 : batch.Steps - 1)
        );
        if (first.Rows < batch.Sequences)
            first = Gathered(operands, batch, gradient);
        Owner.Multiply(
            first,
            true,
            new Matrix(initial, batch.Sequences, Size),
            false,
            StateWeight(gradients.Parameters, p),
            beta: 1
        );
    }

    private Matrix Gathered(in RecurrentOperands operands, in Batch batch, in Matrix gradient)
    {
        DeviceSpan<float> ends = Floats(
            operands.Workspace,
            _ends,
            (long)batch.Sequences * StackedSize
        );
        KernelGrid grid = KernelGrid.Rows(batch.Sequences, StackedSize);
        Owner.Kernels.Launch(
            "linear_ends",
            grid,
            gradient.Elements,
            ends,
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            StackedSize,
            StackedSize,
            1,
            0,
            grid.Lanes
        );
        return new Matrix(ends, batch.Sequences, StackedSize);
    }

    private DeviceSpan<float> BiasSums(in RecurrentOperands operands, in Batch batch) =>
        D.Bias == RecurrentBias.NoBias
            ? default
            : Floats(operands.Workspace, _biasSums, (long)batch.Sequences * StackedSize);

    private void AddBiases(
        in RecurrentOperands operands,
        in RecurrentGradients gradients,
        in Batch batch,
        in Place p
    )
    {
        if (D.Bias == RecurrentBias.NoBias)
            return;
        Owner.Kernels.Launch(
            "recurrent_bias_gradient",
            new KernelGrid((StackedSize + BiasColumns - 1) / BiasColumns, 1, KernelGrid.Block),
            BiasSums(operands, batch),
            BiasOf(gradients.Parameters, p.InputBias),
            BiasOf(gradients.Parameters, p.StateBias),
            batch.Sequences,
            StackedSize,
            0,
            StackedSize
        );
    }
}
