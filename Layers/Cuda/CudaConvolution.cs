using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A causal convolution as products on shifted rows, by cuBLAS: tap j of step t reads step t - jd, so it is a product of all
/// rows but the first jd steps with that tap's [O, I]. Nothing is padded. Of packed rows, whose distance changes with the
/// sequences that are left, what a tap reads is gathered first.
/// </summary>
/// <remarks>
/// Weights are put into an order of taps first, [k, O, I]: the caller's [O, I, k] has no tap in one piece. Bias and relu
/// follow the products, in one launch.
/// </remarks>
internal sealed class CudaConvolution : ConvolutionOperation
{
    private readonly CudaBackend _backend;
    private readonly ConvolutionDescriptor _descriptor;
    private readonly long _filterCount;

    public CudaConvolution(CudaBackend backend, in ConvolutionDescriptor descriptor)
    {
        (_backend, _descriptor) = (backend, descriptor);
        _filterCount = backend.Align(descriptor.Kernel * TapCount);
    }

    // Weights by taps, and of packed sequences the rows that one tap reads.
    public override long WorkspaceCount => _filterCount + GatheredCount;

    // The current step's tap reads rows where they are.
    private long GatheredCount =>
        _descriptor.VariableLengths && _descriptor.Kernel > 1
            ? Math.Max(0L, _descriptor.MaxLength - _descriptor.Dilation)
                * _descriptor.MaxBatch
                * Math.Max(_descriptor.InputSize, _descriptor.OutputSize)
            : 0;

    private long TapCount => (long)_descriptor.OutputSize * _descriptor.InputSize;

    public override void Forward(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        Tensor b,
        Tensor y,
        Tensor workspace
    )
    {
        InOrderOfTaps(w, workspace);
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            if (Shift(x, layout, tap) is not { } shift)
                break;
            Product(
                Before(x, layout, shift, workspace),
                workspace,
                tap,
                Rows(y, shift.Rows, shift.Left),
                tap > 0
            );
        }
        AddBias(b, y);
    }

    public override void Stream(
        Tensor x,
        Tensor w,
        Tensor b,
        Tensor y,
        Tensor history,
        long position,
        bool sameWeights,
        Tensor workspace
    )
    {
        if (!sameWeights)
            InOrderOfTaps(w, workspace);
        int steps = x.Shape.First;
        int room = history.Shape.First;
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            int shift = tap * _descriptor.Dilation;
            // Steps that this tap sees in this call's input, and before that those which the ring keeps.
            if (shift < steps)
                Product(
                    CudaBackend.Matrix(x.Slice(0, steps - shift)),
                    workspace,
                    tap,
                    CudaBackend.Matrix(y.Slice(shift, steps - shift)),
                    tap > 0
                );
            int first = (int)Math.Max(0, shift - position);
            for (int step = first; step < Math.Min(shift, steps); )
            {
                int from = (int)((position + step - shift) % room);
                int count = Math.Min(Math.Min(shift, steps) - step, room - from);
                Product(
                    CudaBackend.Matrix(history.Slice(from, count)),
                    workspace,
                    tap,
                    CudaBackend.Matrix(y.Slice(step, count)),
                    true
                );
                step += count;
            }
        }
        AddBias(b, y);
        Keep(x, history, position);
    }

    public override void BackwardData(
        Tensor dy,
        SequenceLayout? layout,
        Tensor w,
        Tensor dx,
        bool accumulate,
        Tensor workspace
    )
    {
        InOrderOfTaps(w, workspace);
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            if (Shift(dy, layout, tap) is not { } shift)
                break;
            Matrix after = After(dy, layout, shift, workspace);
            _backend.CuBlas.Multiply(
                after,
                false,
                Tap(workspace, tap),
                false,
                Rows(dx, 0, after.Rows),
                beta: accumulate || tap > 0 ? 1 : 0
            );
        }
    }

    public override void BackwardFilter(
        Tensor x,
        Tensor dy,
        SequenceLayout? layout,
        Tensor dw,
        Tensor db,
        Tensor workspace
    )
    {
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            Matrix gradient = Tap(workspace, tap);
            if (Shift(x, layout, tap) is { } shift)
                _backend.CuBlas.Multiply(
                    Rows(dy, shift.Rows, shift.Left),
                    true,
                    Before(x, layout, shift, workspace),
                    false,
                    gradient
                );
            else
                gradient.Elements.Clear(_backend.Stream);
        }
        SwapAxes(
            CudaBackend.Span(workspace),
            CudaBackend.Span(dw),
            1,
            _descriptor.Kernel,
            checked((int)TapCount)
        );
        if (!db.IsEmpty)
            _backend.ColumnSum(dy, default, db);
    }

    /// <summary>y = (relu of) y + b; without either, nothing.</summary>
    public void AddBias(Tensor b, Tensor y)
    {
        if (b.IsEmpty && !_descriptor.Relu)
            return;
        KernelGrid grid = KernelGrid.Rows(y.Shape.Rows, _descriptor.OutputSize);
        _backend.Kernels.Launch(
            _descriptor.Relu ? "add_row_relu" : "add_row",
            grid,
            CudaBackend.Span(b),
            CudaBackend.Span(y),
            y.Shape.Rows,
            _descriptor.OutputSize,
            grid.Lanes
        );
    }

    /// <summary>To [N, columns, rows] from [N, rows, columns].</summary>
    public void SwapAxes(
        DeviceSpan<float> from,
        DeviceSpan<float> to,
        int matrices,
        int rows,
        int columns
    )
    {
        int lines = checked(matrices * columns);
        KernelGrid grid = KernelGrid.Rows(lines, rows);
        _backend.Kernels.Launch("swap_axes", grid, from, to, lines, columns, rows, grid.Lanes);
    }

    // The workspace = w by taps. The last column of w is the current step's: tap 0 here.
    private void InOrderOfTaps(Tensor w, Tensor workspace) =>
        SwapAxes(
            CudaBackend.Span(w),
            CudaBackend.Span(workspace),
            1,
            checked((int)TapCount),
            _descriptor.Kernel
        );

    private Matrix Tap(Tensor workspace, int tap) =>
        new(
            CudaBackend.Span(workspace).Slice((_descriptor.Kernel - 1 - tap) * TapCount, TapCount),
            _descriptor.OutputSize,
            _descriptor.InputSize
        );

    private void Product(in Matrix x, Tensor workspace, int tap, in Matrix y, bool accumulate) =>
        _backend.CuBlas.Multiply(x, false, Tap(workspace, tap), true, y, beta: accumulate ? 1 : 0);

    // How far a tap reaches back, and the rows that it skips and leaves; null where that is before the first step only.
    private TapShift? Shift(Tensor x, SequenceLayout? layout, int tap)
    {
        bool packed = layout is { IsPacked: true };
        int steps = packed ? layout!.Steps : x.Shape.First;
        long shift = (long)tap * _descriptor.Dilation;
        if (shift >= steps)
            return null;
        int skipped = packed ? layout!.Row((int)shift) : (int)shift * x.Shape[1];
        return new TapShift((int)shift, skipped, (int)x.Shape.Rows - skipped);
    }

    // For each row but the skipped ones, the same sequence's so many steps before.
    private Matrix Before(Tensor x, SequenceLayout? layout, TapShift shift, Tensor workspace) =>
        layout is { IsPacked: true } && shift.Steps > 0
            ? Gather(x, layout, shift.Steps, 0, shift.Left, workspace)
            : Rows(x, 0, shift.Left);

    // For each row of a step that has one so many steps after it in any sequence, the same sequence's, or zeros.
    private Matrix After(Tensor dy, SequenceLayout? layout, TapShift shift, Tensor workspace) =>
        layout is { IsPacked: true } && shift.Steps > 0
            ? Gather(dy, layout, 0, shift.Steps, layout.Row(layout.Steps - shift.Steps), workspace)
            : Rows(dy, shift.Rows, shift.Left);

    private Matrix Gather(
        Tensor rows,
        SequenceLayout layout,
        int to,
        int from,
        int count,
        Tensor workspace
    )
    {
        int columns = rows.Shape.Columns;
        int steps = layout.Steps - to - from;
        DeviceSpan<float> gathered = CudaBackend
            .Span(workspace)
            .Slice(_filterCount, (long)count * columns);
        KernelGrid grid = KernelGrid.Steps(steps, columns);
        _backend.Kernels.Launch(
            "shift_steps",
            grid,
            CudaBackend.Span(rows),
            gathered,
            CudaBackend.FirstRows(layout),
            to,
            from,
            steps,
            columns,
            grid.Lanes
        );
        return new Matrix(gathered, count, columns);
    }

    private static Matrix Rows(Tensor tensor, int first, int count) =>
        CudaBackend.Matrix(tensor.RowRange(first, count));

    // The newest steps, each at its place in the ring.
    private void Keep(Tensor x, Tensor history, long position)
    {
        int steps = x.Shape.First;
        int room = history.Shape.First;
        for (int step = Math.Max(0, steps - room); step < steps; )
        {
            int to = (int)((position + step) % room);
            int count = Math.Min(steps - step, room - to);
            _backend.Copy(x.Slice(step, count), history.Slice(to, count));
            step += count;
        }
    }

    private readonly record struct TapShift(int Steps, int Rows, int Left);
}
