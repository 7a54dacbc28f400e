using System.Diagnostics.CodeAnalysis;

namespace Sequor.Layers.Cuda;

// What no library of the vendor's has: it needs kernels of our own, which are yet to come.
[SuppressMessage("Performance", "CA1822:Mark members as static", Justification = "Overrides.")]
public sealed partial class CudaBackend
{
    internal static NotSupportedException NeedsKernels(string operation) =>
        new(
            $"{operation} cannot run on CUDA yet: it needs kernels that this version of Sequor has not. "
                + "Recurrent layers and matrix products can; everything can run on the CPU."
        );

    internal override void Pointwise(PointwiseOp op, in PointwiseArguments arguments) =>
        throw NeedsKernels(op.ToString());

    internal override void Pack(Tensor x, SequenceLayout layout, Tensor packed) =>
        throw NeedsKernels(nameof(Pack));

    internal override void Unpack(Tensor packed, SequenceLayout layout, Tensor x) =>
        throw NeedsKernels(nameof(Unpack));

    internal override void MeanOverTime(Tensor x, SequenceLayout? layout, Tensor mean) =>
        throw NeedsKernels(nameof(MeanOverTime));

    internal override void MeanOverTimeGradient(Tensor dmean, SequenceLayout? layout, Tensor dx) =>
        throw NeedsKernels(nameof(MeanOverTimeGradient));

    internal override void LastSteps(Tensor x, SequenceLayout layout, Tensor y) =>
        throw NeedsKernels(nameof(LastSteps));

    internal override void LastStepsGradient(Tensor dy, SequenceLayout layout, Tensor dx) =>
        throw NeedsKernels(nameof(LastStepsGradient));

    internal override void MeanSquaredError(
        Tensor prediction,
        Tensor target,
        Tensor gradient,
        Tensor value
    ) => throw NeedsKernels(nameof(MeanSquaredError));

    internal override void SoftmaxCrossEntropy(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NeedsKernels(nameof(SoftmaxCrossEntropy));

    internal override void BinaryCrossEntropy(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NeedsKernels(nameof(BinaryCrossEntropy));

    internal override void Optimize(in OptimizerUpdate update) =>
        throw NeedsKernels(nameof(Optimize));

    internal override void WeightNorm(Tensor v, Tensor g, Tensor w, Tensor norms) =>
        throw NeedsKernels(nameof(WeightNorm));

    internal override void WeightNormGradient(
        Tensor v,
        Tensor g,
        Tensor norms,
        Tensor dw,
        Tensor dv,
        Tensor dg
    ) => throw NeedsKernels(nameof(WeightNormGradient));

    internal override RandomStream CreateRandom(ulong seed) => new CudaRandom(seed);

    internal override DiagonalScanOperation PlanDiagonalScan(
        in DiagonalScanDescriptor descriptor
    ) => throw NeedsKernels(nameof(PlanDiagonalScan));

    internal override LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor) =>
        throw NeedsKernels(nameof(PlanLayerNorm));

    internal override BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor) =>
        throw NeedsKernels(nameof(PlanBatchNorm));
}
