using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>A layer normalisation, in one launch each way: the last block of the gradient adds up what the blocks have summed.</summary>
internal sealed class CudaLayerNorm : LayerNormOperation
{
    private readonly CudaBackend _backend;
    private readonly LayerNormDescriptor _d;
    private readonly string _forward;
    private readonly string _backward;

    public CudaLayerNorm(CudaBackend backend, in LayerNormDescriptor descriptor)
        : base(backend)
    {
        (_backend, _d) = (backend, descriptor);
        // The number of a kernel's name is how many channels it can keep in registers; "any" reads the row again instead.
        (_forward, _backward) = _d.Size switch
        {
            <= 128 => ("layer_norm_128", "layer_norm_gradient_128"),
            <= 512 => ("layer_norm_512", "layer_norm_gradient_512"),
            _ => ("layer_norm_any", "layer_norm_gradient_any"),
        };
    }

    // Each block leaves the sums of dweight and dbias.
    public override long WorkspaceCount =>
        2L * _d.Size * KernelGrid.LayerNorm((long)_d.MaxLength * _d.MaxBatch).X;

    protected override void ForwardCore(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        bool reuse
    ) =>
        _backend.Kernels.Launch(
            _forward,
            KernelGrid.LayerNorm(x.Shape.Rows),
            CudaBackend.Span(x),
            CudaBackend.Span(weight),
            CudaBackend.Span(bias),
            CudaBackend.Span(y),
            CudaBackend.Span(statistics),
            x.Shape.Rows,
            _d.Size,
            _d.Epsilon,
            reuse ? 1 : 0
        );

    protected override void ForwardAgainCore(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        in PointwiseArguments gelu
    )
    {
        long rows = x.Shape.Rows;
        KernelGrid grid = KernelGrid.WritingColumnSums(rows, _d.Size, 1);
        _backend.Kernels.Launch(
            "gelu_gradient_normed",
            grid,
            CudaBackend.Span(gelu.A),
            CudaBackend.Span(gelu.B),
            CudaBackend.Span(x),
            CudaBackend.Span(statistics),
            CudaBackend.Span(weight),
            CudaBackend.Span(bias),
            CudaBackend.Span(y),
            CudaBackend.Span(gelu.Out),
            CudaBackend.Span(gelu.Sum),
            rows,
            _d.Size,
            grid.Lanes,
            _backend.Scratch.Partials,
            _backend.Scratch.Counters
        );
    }

    protected override void BackwardCore(
        Tensor x,
        Tensor weight,
        Tensor statistics,
        Tensor dy,
        Tensor dx,
        bool accumulate,
        Tensor dweight,
        Tensor dbias,
        Tensor workspace,
        Tensor skip,
        Tensor factor
    )
    {
        KernelGrid grid = KernelGrid.LayerNorm(x.Shape.Rows);
        _backend.Kernels.Launch(
            _backward,
            grid,
            CudaBackend.Span(x),
            CudaBackend.Span(weight),
            CudaBackend.Span(statistics),
            CudaBackend.Span(dy),
            CudaBackend.Span(skip),
            CudaBackend.Span(factor),
            CudaBackend.Span(dx),
            CudaBackend.Span(dweight),
            CudaBackend.Span(dbias),
            x.Shape.Rows,
            _d.Size,
            accumulate ? 1 : 0,
            CudaBackend.Span(workspace).Slice(0, 2L * _d.Size * grid.X),
            _backend.Scratch.Counters
        );
    }
}
