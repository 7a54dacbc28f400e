using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A linear dense recurrence, which cuDNN does not have: h_t = W_hh h_{t-1} + W_ih x_t + b_ih + b_hh. The inputs of all steps are one
/// product. Along time goes one launch of a kernel of ours, or, where a state has more values than that kernel takes, a product a step. The
/// gradients of the weights are one product over all steps each.
/// </summary>
internal sealed partial class CudaLinearRecurrence : CudaOwnRecurrence
{
    /// <summary>The largest state that the kernel takes: a block's matrix then lies in a multiprocessor's cache.</summary>
    public const int MostInKernel = 256;

    // Where things lie in the workspace.
    private readonly long _transposed;
    private readonly long _bias;
    private readonly long _gradient;
    private readonly long _below;
    private readonly long _ends;

    /// <summary>Prepares a recurrence.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The network, whose kind is linear.</param>
    public CudaLinearRecurrence(CudaBackend backend, in RecurrentDescriptor descriptor)
        : base(backend, descriptor, states: 2)
    {
        if (InKernel)
            _transposed = Take(checked((long)Places.Length * Size * Size));
        _bias = Take(Width);
        if (!D.Training)
            return;
        long outputs = checked(MostRows * Width);
        _gradient = Take(outputs);
        if (D.Layers > 1)
            _below = Take(outputs);
        if (D.States)
            _ends = Take(checked((long)D.MaxBatch * Size));
        PlanProducts();
    }

    private bool InKernel => Size <= MostInKernel;

    private void PlanProducts()
    {
        int rows = checked((int)MostRows);
        foreach (Place p in Places)
        {
            Owner.PlanProduct(new ProductShape(false, true, rows, Size, p.Inputs));
            Owner.PlanProduct(new ProductShape(false, false, rows, p.Inputs, Size));
            Owner.PlanProduct(new ProductShape(true, false, Size, p.Inputs, rows));
        }
        if (!InKernel)
            Owner.PlanProduct(new ProductShape(false, true, D.MaxBatch, Size, Size));
    }

    protected override void ForwardCore(in RecurrentOperands operands)
    {
        Batch batch = BatchOf(operands);
        RecurrentStateOrder order = OrderOf(batch);
        DeviceSpan<float> initial = order.Take(operands.InitialHidden, Size, StatesAt(operands, 0));
        DeviceSpan<float> final = order.Room(
            operands.FinalHidden,
            operands.InitialHidden,
            StatesAt(operands, 1)
        );
        Tensor input = operands.X;
        foreach (Place p in Places)
        {
            Tensor output = OutputOf(operands, p.Layer, batch);
            Owner.Multiply(
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
            if (p.Direction == D.Directions - 1 && p.Layer < D.Layers - 1)
                input = InputOf(operands, p.Layer + 1, batch);
        }
        order.Give(final, Size, operands.FinalHidden);
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
        Owner.Pointwise(
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
        long count = (long)Size * Size;
        Owner.Kernels.Launch(
            "linear_transpose",
            KernelGrid.Flat(count),
            StateWeight(operands.Parameters, p).Elements,
            Transposed(operands, p),
            Size
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
        KernelGrid grid = KernelGrid.Recurrence(batch.Sequences, Size);
        Owner.Kernels.Launch(
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
            Size,
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
                Owner.Multiply(
                    Rows(values, batch.Row(before), going),
                    false,
                    weight,
                    transpose,
                    Rows(values, batch.Row(t), going),
                    beta: 1
                );
            if (going < active && !initial.IsEmpty)
                Owner.Multiply(
                    new Matrix(
                        initial.Slice((long)going * Size, (long)(active - going) * Size),
                        active - going,
                        Size
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
        Owner.Kernels.Launch(
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
        KernelGrid grid = KernelGrid.Rows(batch.Sequences, Size);
        Owner.Kernels.Launch(
            "linear_ends",
            grid,
            columns.Elements,
            states,
            CudaBackend.FirstRows(batch.Layout),
            CudaBackend.Lengths(batch.Layout),
            batch.Steps,
            batch.Sequences,
            Size,
            columns.Stride,
            atEnd == (p.Direction == 0) ? 1 : 0,
            adds ? 1 : 0,
            grid.Lanes
        );
    }
}
