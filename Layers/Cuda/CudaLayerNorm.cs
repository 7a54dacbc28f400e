using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>A layer normalisation: one launch forward, and two backward, the second of which adds up the sums of the blocks.</summary>
internal sealed class CudaLayerNorm : LayerNormOperation
{
    private const int JoinThreads = 128;

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

    protected override void BackwardCore(
        Tensor x,
        Tensor weight,
        Tensor statistics,
        Tensor dy,
        Tensor dx,
        bool accumulate,
        Tensor dweight,
        Tensor dbias,
        Tensor workspace
    )
    {
        KernelGrid grid = KernelGrid.LayerNorm(x.Shape.Rows);
        DeviceSpan<float> partials = CudaBackend.Span(workspace).Slice(0, 2L * _d.Size * grid.X);
        _backend.Kernels.Launch(
            _backward,
            grid,
            CudaBackend.Span(x),
            CudaBackend.Span(weight),
            CudaBackend.Span(statistics),
            CudaBackend.Span(dy),
            CudaBackend.Span(dx),
            partials,
            x.Shape.Rows,
            _d.Size,
            accumulate ? 1 : 0
        );
        _backend.Kernels.Launch(
            "layer_norm_join",
            KernelGrid.Threadwise(2L * _d.Size, JoinThreads),
            partials,
            CudaBackend.Span(dweight),
            CudaBackend.Span(dbias),
            grid.X,
            _d.Size
        );
    }
}
