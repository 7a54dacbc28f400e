using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A causal convolution by cuDNN's graph API, with engines found once for the largest batch. Batches of other sizes,
/// packed ones and streams go by products on shifted rows.
/// </summary>
/// <remarks>cuDNN wants weights as [O, k, I]: they are put into that order, and their gradient out of it, first and last.</remarks>
internal sealed class CudaGraphConvolution : ConvolutionOperation
{
    private readonly CudaBackend _backend;
    private readonly ConvolutionDescriptor _descriptor;
    private readonly CudaConvolution _products;
    private readonly ConvolutionPlan? _forward;
    private readonly ConvolutionPlan? _data;
    private readonly ConvolutionPlan? _addingData;
    private readonly ConvolutionPlan? _filter;
    private readonly long _filterFloats;

    /// <exception cref="NotSupportedException">cuDNN has no engine for it; the message has each one's refusal.</exception>
    public CudaGraphConvolution(CudaBackend backend, in ConvolutionDescriptor descriptor)
    {
        (_backend, _descriptor) = (backend, descriptor);
        _products = new CudaConvolution(backend, descriptor);
        var shape = new ConvolutionShape(
            descriptor.MaxLength,
            descriptor.MaxBatch,
            descriptor.InputSize,
            descriptor.OutputSize,
            descriptor.Kernel,
            descriptor.Dilation
        );
        var options = new ConvolutionOptions { AllowTf32 = backend.Math == FloatMath.Tf32 };
        try
        {
            _forward = ConvolutionPlan.Create(
                backend.CuDnn,
                ConvolutionKind.Forward,
                shape,
                options
            );
            _data = ConvolutionPlan.Create(
                backend.CuDnn,
                ConvolutionKind.DataGradient,
                shape,
                options
            );
            _addingData = ConvolutionPlan.Create(
                backend.CuDnn,
                ConvolutionKind.DataGradient,
                shape,
                options with
                {
                    Accumulate = true,
                }
            );
            _filter = ConvolutionPlan.Create(
                backend.CuDnn,
                ConvolutionKind.FilterGradient,
                shape,
                options
            );
        }
        catch
        {
            Dispose();
            throw;
        }
        _filterFloats = backend.Align(shape.FilterCount);
    }

    // The weights, and behind them cuDNN's scratch.
    public override long WorkspaceCount
    {
        get
        {
            long most = 0;
            foreach (
                ConvolutionPlan? plan in (ReadOnlySpan<ConvolutionPlan?>)
                    [_forward, _data, _addingData, _filter]
            )
                most = Math.Max(most, plan!.WorkspaceBytes);
            return Math.Max(
                _filterFloats + (most + sizeof(float) - 1) / sizeof(float),
                _products.WorkspaceCount
            );
        }
    }

    public override void Forward(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        Tensor b,
        Tensor y,
        Tensor workspace
    )
    {
        if (!Fits(x, layout))
        {
            _products.Forward(x, layout, w, b, y, workspace);
            return;
        }
        Run(_forward!, x, InOrder(w, workspace), y, workspace);
        _products.AddBias(b, y);
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
    ) => _products.Stream(x, w, b, y, history, position, sameWeights, workspace);

    public override void BackwardData(
        Tensor dy,
        SequenceLayout? layout,
        Tensor w,
        Tensor dx,
        bool accumulate,
        Tensor workspace
    )
    {
        if (!Fits(dy, layout))
        {
            _products.BackwardData(dy, layout, w, dx, accumulate, workspace);
            return;
        }
        Run(accumulate ? _addingData! : _data!, dx, InOrder(w, workspace), dy, workspace);
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
        if (!Fits(x, layout))
        {
            _products.BackwardFilter(x, dy, layout, dw, db, workspace);
            return;
        }
        DeviceSpan<float> gradient = Filter(workspace);
        Run(_filter!, x, gradient, dy, workspace);
        _products.SwapAxes(
            gradient,
            CudaBackend.Span(dw),
            _descriptor.OutputSize,
            _descriptor.Kernel,
            _descriptor.InputSize
        );
        if (!db.IsEmpty)
            _backend.ColumnSum(dy, default, db);
    }

    public override void Dispose()
    {
        _forward?.Dispose();
        _data?.Dispose();
        _addingData?.Dispose();
        _filter?.Dispose();
        _products.Dispose();
        base.Dispose();
    }

    private bool Fits(Tensor rows, SequenceLayout? layout) =>
        layout is not { IsPacked: true }
        && rows.Shape.First == _descriptor.MaxLength
        && rows.Shape[1] == _descriptor.MaxBatch;

    private DeviceSpan<float> Filter(Tensor workspace) =>
        CudaBackend
            .Span(workspace)
            .Slice(0, (long)_descriptor.OutputSize * _descriptor.Kernel * _descriptor.InputSize);

    // [O, k, I] of w [O, I, k]: of each output's matrix the transposed one.
    private DeviceSpan<float> InOrder(Tensor w, Tensor workspace)
    {
        DeviceSpan<float> ordered = Filter(workspace);
        _products.SwapAxes(
            CudaBackend.Span(w),
            ordered,
            _descriptor.OutputSize,
            _descriptor.InputSize,
            _descriptor.Kernel
        );
        return ordered;
    }

    private void Run(
        ConvolutionPlan plan,
        Tensor x,
        DeviceSpan<float> w,
        Tensor y,
        Tensor workspace
    )
    {
        DeviceSpan<float> scratch = CudaBackend.Span(workspace);
        plan.Execute(
            CudaBackend.Span(x),
            w,
            CudaBackend.Span(y),
            scratch.Slice(_filterFloats, scratch.Length - _filterFloats).Cast<byte>()
        );
    }
}
