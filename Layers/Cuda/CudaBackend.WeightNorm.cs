using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Weight normalisation: a launch takes two filters, and has one block for each output of either.
public sealed partial class CudaBackend
{
    private const int WeightNormThreads = 128;

    // In [O, k, I] one tap is a matrix whose rows lie k I apart. cuBLAS takes that as a leading dimension, and cuDNN wants this order.
    internal override bool FilterInputsLast => true;

    private protected override void WeightNormCore(ReadOnlySpan<WeightNormTensors> filters)
    {
        for (int i = 0; i < filters.Length; i += 2)
        {
            WeightNormTensors first = filters[i];
            WeightNormTensors second = i + 1 < filters.Length ? filters[i + 1] : default;
            Kernels.Launch(
                "weight_norm",
                Outputs(first, second),
                Span(first.V),
                Span(first.G),
                Span(first.W),
                Span(first.Norms),
                first.V.Shape.First,
                first.V.Shape[1],
                first.V.Shape[2],
                Span(second.V),
                Span(second.G),
                Span(second.W),
                Span(second.Norms),
                Inputs(second),
                Taps(second)
            );
        }
    }

    private protected override void WeightNormGradientCore(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients
    )
    {
        for (int i = 0; i < filters.Length; i += 2)
        {
            bool two = i + 1 < filters.Length;
            WeightNormTensors first = filters[i];
            WeightNormTensors second = two ? filters[i + 1] : default;
            WeightNormGradients slopes = gradients[i];
            WeightNormGradients others = two ? gradients[i + 1] : default;
            Kernels.Launch(
                "weight_norm_gradient",
                Outputs(first, second),
                Span(first.V),
                Span(first.G),
                Span(first.Norms),
                Span(slopes.W),
                Span(slopes.V),
                Span(slopes.G),
                first.V.Shape.First,
                first.V.Shape[1],
                first.V.Shape[2],
                slopes.Taps,
                Span(second.V),
                Span(second.G),
                Span(second.Norms),
                Span(others.W),
                Span(others.V),
                Span(others.G),
                Inputs(second),
                Taps(second),
                others.Taps
            );
        }
    }

    private static KernelGrid Outputs(in WeightNormTensors first, in WeightNormTensors second) =>
        KernelGrid.Each(first.G.Count + second.G.Count, WeightNormThreads);

    private static int Inputs(in WeightNormTensors filter) =>
        filter.V.IsEmpty ? 0 : filter.V.Shape[1];

    private static int Taps(in WeightNormTensors filter) =>
        filter.V.IsEmpty ? 0 : filter.V.Shape[2];
}
