using System.Diagnostics.CodeAnalysis;

namespace Sequor.Layers.Cuda;

// What is yet to come.
[SuppressMessage("Performance", "CA1822:Mark members as static", Justification = "Overrides.")]
public sealed partial class CudaBackend
{
    internal static NotSupportedException NeedsKernels(string operation) =>
        new(
            $"{operation} cannot run on CUDA yet: it needs kernels that this version of Sequor has not. "
                + "Recurrent layers and matrix products can; everything can run on the CPU."
        );

    internal override DiagonalScanOperation PlanDiagonalScan(
        in DiagonalScanDescriptor descriptor
    ) => throw NeedsKernels(nameof(PlanDiagonalScan));

    internal override LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor) =>
        throw NeedsKernels(nameof(PlanLayerNorm));

    internal override BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor) =>
        throw NeedsKernels(nameof(PlanBatchNorm));
}
