using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// What recurrent networks by kernels of ours have in common: where parameters, outputs, states and scratch lie, the rows of a batch, and
/// the products over all steps.
/// </summary>
internal abstract class CudaOwnRecurrence : RecurrentOperation
{
    // Where things lie in the workspace, or, of the outputs of all layers but the last, in the reserve.
    private readonly long[] _outputs;
    private readonly long _dropped;
    private readonly long _before;
    private readonly long _stateFloats;
    private readonly long _states;
    private long _workspaceCount;
    private long _reserveCount;

    /// <summary>Prepares a network.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The network.</param>
    /// <param name="states">Places of states in the order of packed sequences.</param>
    protected CudaOwnRecurrence(CudaBackend backend, in RecurrentDescriptor descriptor, int states)
        : base(backend, descriptor)
    {
        (Owner, D) = (backend, descriptor);
        (Size, Width) = (D.HiddenSize, D.OutputSize);
        MostRows = checked((long)D.MaxLength * D.MaxBatch);
        Places = [.. PlacesOf(D, backend.RecurrentLayout(descriptor))];
        long outputs = checked(MostRows * Width);
        _outputs = new long[D.Layers - 1];
        for (int layer = 0; layer < _outputs.Length; layer++)
        {
            // Without a backward pass a layer's output is only read by the next one.
            _outputs[layer] =
                D.Training ? Keep(outputs)
                : layer < 2 ? Take(outputs)
                : _outputs[layer - 2];
        }
        if (D.DropsOut)
            _dropped = Take(outputs);
        if (D.States)
        {
            _stateFloats = checked((long)Places.Length * D.MaxBatch * Size);
            _states = Take(checked(states * backend.Align(_stateFloats)));
        }
        if (D.Training && D.VariableLengths)
            _before = Take(outputs);
    }

    /// <inheritdoc/>
    public override long WorkspaceCount => _workspaceCount;

    /// <inheritdoc/>
    public override long ReserveCount => _reserveCount;

    protected CudaBackend Owner { get; }

    protected RecurrentDescriptor D { get; }

    protected Place[] Places { get; }

    /// <summary>Units of a direction.</summary>
    protected int Size { get; }

    /// <summary>Rows of a matrix: units of all gates.</summary>
    protected int StackedSize => D.Gates * Size;

    /// <summary>Columns of an output, of both directions.</summary>
    protected int Width { get; }

    protected long MostRows { get; }

    /// <summary>Takes floats of the workspace.</summary>
    protected long Take(long count) => Take(ref _workspaceCount, count);

    /// <summary>Takes floats of the reserve.</summary>
    protected long Keep(long count) => Take(ref _reserveCount, count);

    private long Take(ref long counter, long count)
    {
        long at = counter;
        counter = checked(at + Owner.Align(count));
        return at;
    }

    // The parameters of one direction of one layer; biases that there are not lie at -1.
    protected readonly record struct Place(
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

    // A batch: its packed layout or null, steps, sequences and rows.
    protected readonly record struct Batch(
        SequenceLayout? Layout,
        int Steps,
        int Sequences,
        int Rows
    )
    {
        public int Row(int step) => Layout?.Row(step) ?? step * Sequences;

        public int Active(int step) => Layout?.Active(step) ?? Sequences;
    }

    protected static Batch BatchOf(in RecurrentOperands operands)
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

    /// <summary>The gradients of the weights, dW_ih += g' x and dW_hh += g' h of the step before.</summary>
    protected void AddWeights(
        in RecurrentOperands operands,
        in RecurrentGradients gradients,
        in Batch batch,
        in Place p,
        in Matrix gradient,
        Tensor input,
        Tensor output
    )
    {
        Owner.Multiply(
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
        Owner.Multiply(
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
        KernelGrid grid = KernelGrid.Steps(count, Width);
        Owner.Kernels.Launch(
            "shift_steps",
            grid,
            CudaBackend.Span(output),
            CudaBackend.Span(shifted),
            CudaBackend.FirstRows(batch.Layout),
            reverse ? 0 : 1,
            reverse ? 1 : 0,
            count,
            Width,
            grid.Lanes
        );
        return shifted;
    }

    // What a layer reads: the layer below's output, dropped anew where there is dropout.
    protected Tensor InputOf(in RecurrentOperands operands, int layer, in Batch batch)
    {
        Tensor below = OutputOf(operands, layer - 1, batch);
        if (!D.DropsOut)
            return below;
        Tensor dropped = Wide(operands.Workspace, _dropped, batch);
        operands.Random!.Dropout(below, dropped, D.Dropout, D.DropoutStream + layer - 1);
        return dropped;
    }

    protected Tensor OutputOf(in RecurrentOperands operands, int layer, in Batch batch) =>
        layer == D.Layers - 1
            ? operands.Y
            : Wide(D.Training ? operands.Reserve : operands.Workspace, _outputs[layer], batch);

    protected Tensor Wide(Tensor block, long offset, in Batch batch) =>
        new(block.Storage, block.Offset + offset, new Shape(batch.Rows, Width));

    protected Tensor Vector(Tensor block, long offset) =>
        new(block.Storage, block.Offset + offset, new Shape(Size));

    // The columns of a direction.
    protected Matrix Columns(Tensor values, in Place p)
    {
        int rows = checked((int)values.Shape.Rows);
        long extent = (rows - 1L) * Width + Size;
        return new Matrix(
            CudaBackend.Span(values).Slice((long)p.Direction * Size, extent),
            rows,
            Size,
            Width
        );
    }

    protected static Matrix Rows(in Matrix values, int first, int count) =>
        values with
        {
            Elements = values.Elements.Slice(
                (long)first * values.Stride,
                (count - 1L) * values.Stride + values.Columns
            ),
            Rows = count,
        };

    protected Matrix InputWeight(Tensor parameters, in Place p) =>
        new(
            CudaBackend.Span(parameters).Slice(p.InputWeight, (long)StackedSize * p.Inputs),
            StackedSize,
            p.Inputs
        );

    protected Matrix StateWeight(Tensor parameters, in Place p) =>
        new(
            CudaBackend.Span(parameters).Slice(p.StateWeight, (long)StackedSize * Size),
            StackedSize,
            Size
        );

    // The places of states in the order of packed sequences.
    protected DeviceSpan<float> StatesAt(in RecurrentOperands operands, int number) =>
        D.States
            ? CudaBackend
                .Span(operands.Workspace)
                .Slice(_states + number * Owner.Align(_stateFloats), _stateFloats)
            : default;

    // The states of a direction of a layer, [B, H] of [layers * directions, B, H]; empty where there are none.
    protected DeviceSpan<float> StateOf(DeviceSpan<float> states, in Place p, in Batch batch)
    {
        long count = (long)batch.Sequences * Size;
        return states.IsEmpty
            ? states
            : states.Slice((p.Layer * D.Directions + p.Direction) * count, count);
    }

    protected RecurrentStateOrder OrderOf(in Batch batch) =>
        new(Owner, batch.Layout, Places.Length, batch.Sequences);
}
