using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// The matrices around a diagonal scan, and their gradients, in one launch each.
public sealed partial class CudaBackend
{
    private const int DiagonalThreads = 128;

    private protected override void DiagonalParametrizationCore(
        in DiagonalTensors parameters,
        in DiagonalMatrices matrices
    )
    {
        (int model, int size, int directions, KernelGrid grid) = DiagonalSizes(matrices);
        if (parameters.Form == DiagonalForm.LogPolar)
        {
            Kernels.Launch(
                "lru_prepare",
                grid,
                Span(parameters.Decay),
                Span(parameters.Frequency),
                Span(parameters.Scale),
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
            return;
        }
        Kernels.Launch(
            "diagonal_prepare",
            grid,
            (int)parameters.Form,
            Span(parameters.Decay),
            Span(parameters.Frequency),
            Span(parameters.Scale),
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

    private protected override void DiagonalParametrizationGradientCore(
        in DiagonalTensors parameters,
        in DiagonalMatrices matrices,
        in DiagonalTensors gradients
    )
    {
        (int model, int size, int directions, KernelGrid grid) = DiagonalSizes(matrices);
        if (parameters.Form == DiagonalForm.LogPolar)
        {
            Kernels.Launch(
                "lru_prepare_gradient",
                grid,
                Span(parameters.Decay),
                Span(parameters.Frequency),
                Span(parameters.Scale),
                Span(parameters.BReal),
                Span(parameters.BImaginary),
                Span(matrices.Lambda),
                checked((int)matrices.Lambda.Shape.Rows),
                Span(matrices.B),
                Span(matrices.C),
                Span(gradients.Decay),
                Span(gradients.Frequency),
                Span(gradients.Scale),
                Span(gradients.BReal),
                Span(gradients.BImaginary),
                Span(gradients.CReal),
                Span(gradients.CImaginary),
                model,
                size,
                directions
            );
            return;
        }
        Kernels.Launch(
            "diagonal_prepare_gradient",
            grid,
            (int)parameters.Form,
            Span(parameters.Decay),
            Span(parameters.Frequency),
            Span(parameters.Scale),
            Span(parameters.BReal),
            Span(parameters.BImaginary),
            Span(matrices.Lambda),
            checked((int)matrices.Lambda.Shape.Rows),
            Span(matrices.B),
            Span(matrices.C),
            Span(gradients.Decay),
            Span(gradients.Frequency),
            Span(gradients.Scale),
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
    private static (int Model, int Size, int Directions, KernelGrid Grid) DiagonalSizes(
        in DiagonalMatrices matrices
    )
    {
        int model = matrices.B.Shape.Columns;
        int size = matrices.B.Shape.First / 2;
        int rows = matrices.C.Shape.First;
        return (model, size, rows / model, KernelGrid.Each((long)size + rows, DiagonalThreads));
    }
}
