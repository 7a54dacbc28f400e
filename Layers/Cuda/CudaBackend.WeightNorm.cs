using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// A block for each row of weights.
public sealed partial class CudaBackend
{
    private const int WeightNormThreads = 128;

    internal override void WeightNorm(Tensor v, Tensor g, Tensor w, Tensor norms) =>
        Kernels.Launch(
            "weight_norm",
            KernelGrid.Each(g.Count, WeightNormThreads),
            Span(v),
            Span(g),
            Span(w),
            Span(norms),
            checked((int)(v.Count / g.Count))
        );

    internal override void WeightNormGradient(
        Tensor v,
        Tensor g,
        Tensor norms,
        Tensor dw,
        Tensor dv,
        Tensor dg
    ) =>
        Kernels.Launch(
            "weight_norm_gradient",
            KernelGrid.Each(g.Count, WeightNormThreads),
            Span(v),
            Span(g),
            Span(norms),
            Span(dw),
            Span(dv),
            Span(dg),
            checked((int)(v.Count / g.Count))
        );
}
