using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// The matrices around an LRU's scan, and their gradients, in one launch each.
public sealed partial class CudaBackend
{
    private const int LruThreads = 128;

    private protected override void LruParametrizationCore(
        in LruTensors parameters,
        in LruMatrices matrices
    )
    {
        (int model, int size, int directions, KernelGrid grid) = LruSizes(matrices);
        Kernels.Launch(
            "lru_prepare",
            grid,
            Span(parameters.NuLog),
            Span(parameters.ThetaLog),
            Span(parameters.GammaLog),
            Span(parameters.BReal),
            Span(parameters.BImaginary),
            Span(parameters.CReal),
            Span(parameters.CImaginary),
            Span(matrices.Lambda),
            Span(matrices.B),
            Span(matrices.C),
            model,
            size,
            directions
        );
    }

    private protected override void LruParametrizationGradientCore(
        in LruTensors parameters,
        in LruMatrices matrices,
        in LruTensors gradients
    )
    {
        (int model, int size, int directions, KernelGrid grid) = LruSizes(matrices);
        Kernels.Launch(
            "lru_prepare_gradient",
            grid,
            Span(parameters.NuLog),
            Span(parameters.ThetaLog),
            Span(parameters.GammaLog),
            Span(parameters.BReal),
            Span(parameters.BImaginary),
            Span(matrices.Lambda),
            checked((int)matrices.Lambda.Shape.Rows),
            Span(matrices.B),
            Span(matrices.C),
            Span(gradients.NuLog),
            Span(gradients.ThetaLog),
            Span(gradients.GammaLog),
            Span(gradients.BReal),
            Span(gradients.BImaginary),
            Span(gradients.CReal),
            Span(gradients.CImaginary),
            model,
            size,
            directions
        );
    }

    // The grid has one block for each row of B and for each row of each direction's C.
    private static (int Model, int Size, int Directions, KernelGrid Grid) LruSizes(
        in LruMatrices matrices
    )
    {
        int model = matrices.B.Shape.Columns;
        int size = matrices.B.Shape.First / 2;
        int rows = matrices.C.Shape.First;
        return (model, size, rows / model, KernelGrid.Each((long)size + rows, LruThreads));
    }
}
