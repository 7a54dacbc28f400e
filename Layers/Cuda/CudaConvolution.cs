using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A causal convolution as cuBLAS products on shifted rows: tap j of step t reads step t - jd, so it is a product of all rows but the last
/// jd steps' with that tap's [O, I] matrix. Nothing is padded. Packed rows have no constant distance between steps, as the number of
/// sequences changes from step to step; so the rows that a tap reads are gathered first.
/// </summary>
/// <remarks>
/// In filters [O, k, I] a tap is a matrix whose rows lie k I apart, so it is multiplied where it is. What follows the products is one
/// launch, and so is its gradient.
/// </remarks>
internal sealed partial class CudaConvolution : ConvolutionOperation
{
    private readonly CudaBackend _backend;
    private readonly ConvolutionDescriptor _descriptor;

    public CudaConvolution(
        CudaBackend backend,
        in ConvolutionDescriptor descriptor,
        string? fallback = null
    )
        : base(backend, descriptor) =>
        (_backend, _descriptor, Fallback) = (backend, descriptor, fallback);

    public override string? Fallback { get; }

    // Packed sequences need room for the rows that one tap reads. The tap of the current step reads its rows where they are.
    public override long WorkspaceCount =>
        _descriptor.VariableLengths && _descriptor.Kernel > 1
            ? checked(
                Math.Max(0L, _descriptor.MaxLength - _descriptor.Dilation)
                * _descriptor.MaxBatch
                * Math.Max(_descriptor.InputSize, _descriptor.OutputSize)
            )
            : 0;

    protected override void ForwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        Tensor workspace
    )
    {
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            if (Shift(x, layout, tap) is not { } shift)
                break;
            Product(
                Before(x, layout, shift, workspace),
                w,
                tap,
                Rows(output.Y, shift.Rows, shift.Left),
                tap > 0
            );
        }
        Finish(output, layout);
    }

    protected override void StreamCore(
        Tensor x,
        Tensor w,
        in ConvolutionOutput output,
        Tensor history,
        long position,
        bool sameWeights,
        Tensor workspace
    )
    {
        Tensor y = output.Y;
        int steps = x.Shape.First;
        int room = history.Shape.First;
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            int shift = tap * _descriptor.Dilation;
            // Output steps from `shift` on read this call's input; the ones before read steps that the ring keeps.
            if (shift < steps)
                Product(
                    CudaBackend.Matrix(x.Slice(0, steps - shift)),
                    w,
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
                    w,
                    tap,
                    CudaBackend.Matrix(y.Slice(step, count)),
                    true
                );
                step += count;
            }
        }
        Finish(output, null);
        Keep(x, history, position);
    }

    protected override void BackwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        in ConvolutionGradients gradients,
        Tensor workspace
    )
    {
        BackwardOutput(output, gradients);
        if (!gradients.X.IsEmpty)
            BackwardData(
                gradients.Products,
                layout,
                w,
                gradients.X,
                gradients.Accumulate,
                workspace
            );
        // Last, as it may be written over w.
        BackwardFilter(x, gradients.Products, layout, gradients.Weight, workspace);
    }

    private void BackwardData(
        Tensor dy,
        SequenceLayout? layout,
        Tensor w,
        Tensor dx,
        bool accumulate,
        Tensor workspace
    )
    {
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            if (Shift(dy, layout, tap) is not { } shift)
                break;
            Matrix after = After(dy, layout, shift, workspace);
            _backend.Multiply(
                after,
                false,
                Tap(w, tap),
                false,
                Rows(dx, 0, after.Rows),
                beta: accumulate || tap > 0 ? 1 : 0
            );
        }
    }

    private void BackwardFilter(
        Tensor x,
        Tensor dy,
        SequenceLayout? layout,
        Tensor dw,
        Tensor workspace
    )
    {
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            if (Shift(x, layout, tap) is not { } shift)
                break;
            _backend.Multiply(
                Rows(dy, shift.Rows, shift.Left),
                true,
                Before(x, layout, shift, workspace),
                false,
                Tap(dw, tap),
                beta: 0
            );
        }
    }

    // The last of the k matrices [O, I] belongs to the current step, which is tap 0 here.
    private Matrix Tap(Tensor filter, int tap)
    {
        int inputs = _descriptor.InputSize;
        long first = (long)(_descriptor.Kernel - 1 - tap) * inputs;
        DeviceSpan<float> all = CudaBackend.Span(filter);
        return new(
            all.Slice(first, all.Length - first),
            _descriptor.OutputSize,
            inputs,
            checked(_descriptor.Kernel * inputs)
        );
    }

    private void Product(in Matrix x, Tensor w, int tap, in Matrix y, bool accumulate) =>
        _backend.Multiply(x, false, Tap(w, tap), true, y, beta: accumulate ? 1 : 0);

    // How far a tap reaches back, and the rows that it skips and that are left; null where every step it reads is before the first.
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

    // For each row but the skipped ones: the row of the same sequence so many steps before.
    private Matrix Before(Tensor x, SequenceLayout? layout, TapShift shift, Tensor workspace) =>
        layout is { IsPacked: true } && shift.Steps > 0
            ? Gather(x, layout, shift.Steps, 0, shift.Left, workspace)
            : Rows(x, 0, shift.Left);

    // For each row of a step t such that step t + shift exists: the row of the same sequence at t + shift, or zeros where it has ended.
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
        DeviceSpan<float> gathered = CudaBackend.Span(workspace).Slice(0, (long)count * columns);
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

    // Stores the newest steps at their places in the ring.
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
