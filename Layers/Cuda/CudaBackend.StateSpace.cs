using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// What a state space's scan reads, and its gradients, in one launch each: a block a channel.
public sealed partial class CudaBackend
{
    private const int StateSpaceThreads = 128;

    private protected override void StateSpaceParametrizationCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices
    )
    {
        StateSpaceSizes sizes = SizesOf(parameters, matrices);
        Kernels.Launch(
            "state_space_prepare",
            KernelGrid.Each(sizes.Channels, StateSpaceThreads),
            Span(parameters.LogStep),
            Span(parameters.Real),
            Span(parameters.Imaginary),
            Span(parameters.C),
            Span(matrices.A),
            Span(matrices.C),
            sizes.Steps,
            sizes.Shared,
            sizes.Channels,
            sizes.Size,
            sizes.Directions,
            (int)form.Rule,
            form.Factor,
            form.Length
        );
    }

    private protected override void StateSpaceParametrizationGradientCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices,
        in StateSpaceTensors gradients
    )
    {
        StateSpaceSizes sizes = SizesOf(parameters, matrices);
        Kernels.Launch(
            "state_space_prepare_gradient",
            KernelGrid.Each(sizes.Channels, StateSpaceThreads),
            Span(parameters.LogStep),
            Span(parameters.Real),
            Span(parameters.Imaginary),
            Span(parameters.C),
            Span(matrices.A),
            Span(matrices.C),
            Span(gradients.LogStep),
            Span(gradients.Real),
            Span(gradients.Imaginary),
            Span(gradients.C),
            sizes.Steps,
            sizes.Shared,
            sizes.Channels,
            sizes.Size,
            sizes.Directions,
            (int)form.Rule,
            form.Factor,
            form.Length
        );
    }

    private static StateSpaceSizes SizesOf(
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices
    )
    {
        int channels = matrices.A.Shape.First;
        int size = matrices.A.Shape.Columns / 2;
        return new(
            (int)(parameters.LogStep.Count / channels),
            parameters.Real.Count < (long)channels * size ? 1 : 0,
            channels,
            size,
            matrices.C.Shape.First / channels
        );
    }

    private readonly record struct StateSpaceSizes(
        int Steps,
        int Shared,
        int Channels,
        int Size,
        int Directions
    );
}
