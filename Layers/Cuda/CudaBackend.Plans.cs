namespace Sequor.Layers.Cuda;

// Planned operations: which class of this backend carries out each of them.
public sealed partial class CudaBackend
{
    // As cuDNN's does.
    internal override bool RecurrentBackwardNeedsAllSteps => true;

    internal override RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor) =>
        new CudaRecurrent(this, descriptor);

    internal override ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor) =>
        CudaRecurrent.Layout(this, descriptor);

    internal override ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor) =>
        Make(descriptor);

    internal override DiagonalScanOperation PlanDiagonalScan(
        in DiagonalScanDescriptor descriptor
    ) => new CudaDiagonalScan(this, descriptor, Choose(descriptor));

    internal override LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor) =>
        new CudaLayerNorm(this, descriptor);

    internal override BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor) =>
        new CudaBatchNorm(this, descriptor);

    internal override EmbeddingOperation PlanEmbedding(in EmbeddingDescriptor descriptor) =>
        new CudaEmbedding(this, descriptor);
}
