using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A causal convolution by cuDNN's graph API, with engines chosen once for the largest batch. Batches of other sizes, packed batches and
/// streams are computed by <see cref="CudaConvolution"/>.
/// </summary>
/// <remarks>
/// Filters and their gradients are [O, k, I] in all three passes, as products have them: the graph's tensor w has the sizes [O, I, k, 1]
/// with the strides [k I, 1, I, I], which is cuDNN's KRSC (channels side by side). So neither way converts what the other wrote.
/// </remarks>
internal sealed class CudaGraphConvolution : ConvolutionOperation
{
    // Bytes, which the plans of the graph API promise of all addresses.
    private const int EngineAlignment = 16;

    private readonly CudaBackend _backend;
    private readonly ConvolutionDescriptor _descriptor;
    private readonly CudaConvolution _products;
    private readonly ConvolutionPlan? _forward;
    private readonly ConvolutionPlan? _data;
    private readonly ConvolutionPlan? _addingData;
    private readonly ConvolutionPlan? _filter;

    /// <exception cref="NotSupportedException">cuDNN has no engine for it; the message lists why each engine refused.</exception>
    public CudaGraphConvolution(CudaBackend backend, in ConvolutionDescriptor descriptor)
        : base(backend, descriptor)
    {
        (_backend, _descriptor) = (backend, descriptor);
        backend.RequireRoom(
            backend.BytesOf(
                checked((long)descriptor.MaxLength * descriptor.MaxBatch * descriptor.InputSize)
            ),
            MemoryCategory.InputOutput
        );
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
    }

    /// <summary>
    /// The same, or products on shifted rows where cuDNN refuses the graph or has no engine for it, as many of its engines take
    /// paddings only that are the same before and after.
    /// </summary>
    public static ConvolutionOperation OrProducts(
        CudaBackend backend,
        in ConvolutionDescriptor descriptor
    )
    {
        try
        {
            var made = new CudaGraphConvolution(backend, descriptor);
            // Of its engines cuDNN loads some only now.
            if (backend.Context.Libraries.Native.CuDnnMixture() is not { } mixture)
                return made;
            made.Dispose();
            return Products(backend, descriptor, mixture);
        }
        catch (Exception e) when (e is NotSupportedException || IsRefusal(e as CudnnException))
        {
            return Products(
                backend,
                descriptor,
                e.Message.Replace("\n  ", " ", StringComparison.Ordinal)
            );
        }
    }

    private static CudaConvolution Products(
        CudaBackend backend,
        in ConvolutionDescriptor descriptor,
        string why
    ) =>
        new(
            backend,
            descriptor,
            $"convolution by products on shifted rows instead of cuDNN's engines: {why}"
        );

    // Not supported, or nothing that this version takes for a convolution: 3000 to 3999, and 2000 to 2999.
    private static bool IsRefusal(CudnnException? error) =>
        error is not null && (error.IsNotSupported || (int)error.Status / 1000 == 2);

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
            return Math.Max((most + sizeof(float) - 1) / sizeof(float), _products.WorkspaceCount);
        }
    }

    protected override void ForwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        Tensor workspace
    )
    {
        if (!Fits(x, layout))
        {
            _products.Forward(x, layout, w, output, workspace);
            return;
        }
        Run(_forward!, x, w, output.Y, workspace);
        _products.Finish(output, layout);
    }

    protected override void StreamCore(
        Tensor x,
        Tensor w,
        in ConvolutionOutput output,
        Tensor history,
        long position,
        bool sameWeights,
        Tensor workspace
    ) => _products.Stream(x, w, output, history, position, sameWeights, workspace);

    protected override void BackwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        in ConvolutionGradients gradients,
        Tensor workspace
    )
    {
        if (!Fits(x, layout) || !IsAligned(gradients.Products) || !IsAligned(gradients.X))
        {
            _products.Backward(x, layout, w, output, gradients, workspace);
            return;
        }
        _products.BackwardOutput(output, gradients);
        Tensor dy = gradients.Products;
        if (!gradients.X.IsEmpty)
            Run(gradients.Accumulate ? _addingData! : _data!, gradients.X, w, dy, workspace);
        // Last, as it may be written over w.
        Run(_filter!, x, gradients.Weight, dy, workspace);
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

    private protected override bool IsInLibrary(Tensor x, SequenceLayout? layout) =>
        Fits(x, layout);

    private bool Fits(Tensor rows, SequenceLayout? layout) =>
        layout is not { IsPacked: true }
        && rows.Shape.First == _descriptor.MaxLength
        && rows.Shape[1] == _descriptor.MaxBatch
        && IsAligned(rows);

    // The engines were chosen for such addresses; a caller's tensor may begin at any float.
    private static bool IsAligned(Tensor tensor) =>
        tensor.IsEmpty || tensor.Address % EngineAlignment == 0;

    private void Run(ConvolutionPlan plan, Tensor x, Tensor w, Tensor y, Tensor workspace)
    {
        plan.Execute(
            CudaBackend.Span(x),
            CudaBackend.Span(w),
            CudaBackend.Span(y),
            CudaBackend.Span(workspace).Cast<byte>()
        );
        _backend.CountCalls(1);
    }
}
