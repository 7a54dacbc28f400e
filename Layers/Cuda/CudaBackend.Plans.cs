namespace Sequor.Layers.Cuda;

// Chooses the class that carries out each planned operation.
public sealed partial class CudaBackend
{
    // cuDNN's backward call reads the gradient of every step of y.
    internal override bool RecurrentBackwardNeedsAllSteps => true;

    internal override RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor) =>
        new CudaRecurrent(this, descriptor);

    internal override ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor) =>
        CudaRecurrent.Layout(this, descriptor);

    internal override ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor) =>
        ConvolutionMethod == ConvolutionMethod.CuDnn
            ? CudaGraphConvolution.OrProducts(this, descriptor)
            : new CudaConvolution(this, descriptor);

    internal override DiagonalScanOperation PlanDiagonalScan(
        in DiagonalScanDescriptor descriptor
    ) => new CudaDiagonalScan(this, descriptor);

    internal override LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor) =>
        new CudaLayerNorm(this, descriptor);

    internal override BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor) =>
        new CudaBatchNorm(this, descriptor);

    internal override EmbeddingOperation PlanEmbedding(in EmbeddingDescriptor descriptor) =>
        new CudaEmbedding(this, descriptor);
}
