using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A causal convolution as products on shifted rows, by cuBLAS: tap j of step t reads step t - jd, so it is a product of all
/// rows but the first jd steps with that tap's [O, I]. Nothing is padded.
/// </summary>
/// <remarks>
/// Weights are put into an order of taps first, [k, O, I], by a product with the identity: the caller's [O, I, k] has no tap
/// in one piece. True float32 leaves every value as it is there, unless one is not finite.
/// </remarks>
internal sealed class CudaConvolution : ConvolutionOperation
{
    private readonly CudaBackend _backend;
    private readonly ConvolutionDescriptor _descriptor;
    private readonly Storage _identity;

    public CudaConvolution(CudaBackend backend, in ConvolutionDescriptor descriptor)
    {
        if (descriptor.Relu)
            throw CudaBackend.NeedsKernels("A convolution with relu");
        if (descriptor.VariableLengths)
            throw CudaBackend.NeedsKernels("A convolution of sequences of differing length");
        (_backend, _descriptor) = (backend, descriptor);
        int taps = descriptor.Kernel;
        float[] identity = new float[taps * taps];
        for (int i = 0; i < taps; i++)
            identity[i * taps + i] = 1;
        _identity = backend.Allocate(identity.Length, MemoryCategory.Workspace);
        backend.Upload(identity, new Tensor(_identity, 0, new Shape(identity.Length)));
    }

    public override long WorkspaceCount => (long)_descriptor.Kernel * TapCount;

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
        RequireWhole(layout);
        InOrderOfTaps(w, workspace);
        Matrix output = CudaBackend.Matrix(y);
        bool begun = !b.IsEmpty;
        if (begun)
            _backend.Repeat(b, output);
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            if (Shift(x, tap) is not { } shift)
                break;
            Product(Rows(x, 0, shift.Left), workspace, tap, Rows(y, shift.Rows, shift.Left), begun);
            begun = true;
        }
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
        bool begun = !b.IsEmpty;
        if (begun)
            _backend.Repeat(b, CudaBackend.Matrix(y));
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
                    begun
                );
            begun = true;
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
        RequireWhole(layout);
        InOrderOfTaps(w, workspace);
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            if (Shift(dy, tap) is not { } shift)
                break;
            _backend.CuBlas.Multiply(
                Rows(dy, shift.Rows, shift.Left),
                false,
                Tap(workspace, tap),
                false,
                Rows(dx, 0, shift.Left),
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
        RequireWhole(layout);
        for (int tap = 0; tap < _descriptor.Kernel; tap++)
        {
            Matrix gradient = Tap(workspace, tap);
            if (Shift(x, tap) is { } shift)
                _backend.CuBlas.Multiply(
                    Rows(dy, shift.Rows, shift.Left),
                    true,
                    Rows(x, 0, shift.Left),
                    false,
                    gradient
                );
            else
                gradient.Elements.Clear(_backend.Stream);
        }
        _backend.Exactly(
            new Matrix(
                CudaBackend.Span(workspace).Slice(0, WorkspaceCount),
                _descriptor.Kernel,
                checked((int)TapCount)
            ),
            true,
            Identity,
            false,
            ByTap(dw)
        );
        if (!db.IsEmpty)
            _backend.ColumnSum(dy, default, db);
    }

    public override void Dispose()
    {
        _identity.Dispose();
        base.Dispose();
    }

    /// <summary>The identity, as large as there are taps.</summary>
    public Matrix Identity =>
        new(
            CudaBackend.Span(new Tensor(_identity, 0, new Shape((int)_identity.Count))),
            _descriptor.Kernel,
            _descriptor.Kernel
        );

    // The workspace = w by taps. The last column of w is the current step's: tap 0 here.
    private void InOrderOfTaps(Tensor w, Tensor workspace) =>
        _backend.Exactly(
            Identity,
            false,
            ByTap(w),
            true,
            new Matrix(
                CudaBackend.Span(workspace).Slice(0, WorkspaceCount),
                _descriptor.Kernel,
                checked((int)TapCount)
            )
        );

    private Matrix ByTap(Tensor w) =>
        new(CudaBackend.Span(w), checked((int)TapCount), _descriptor.Kernel);

    private Matrix Tap(Tensor workspace, int tap) =>
        new(
            CudaBackend.Span(workspace).Slice((_descriptor.Kernel - 1 - tap) * TapCount, TapCount),
            _descriptor.OutputSize,
            _descriptor.InputSize
        );

    private void Product(in Matrix x, Tensor workspace, int tap, in Matrix y, bool accumulate) =>
        _backend.CuBlas.Multiply(x, false, Tap(workspace, tap), true, y, beta: accumulate ? 1 : 0);

    // Rows that a tap reaches back, and those that are left; null where it reaches before the first step only.
    private (int Rows, int Left)? Shift(Tensor x, int tap)
    {
        int steps = x.Shape.First;
        long shift = (long)tap * _descriptor.Dilation;
        return shift >= steps ? null : ((int)shift * x.Shape[1], (steps - (int)shift) * x.Shape[1]);
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

    private static void RequireWhole(SequenceLayout? layout)
    {
        if (layout is { IsPacked: true })
            throw CudaBackend.NeedsKernels("A convolution of sequences of differing length");
    }
}
