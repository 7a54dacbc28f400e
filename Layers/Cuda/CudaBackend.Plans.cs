namespace Sequor.Layers.Cuda;

// Planned operations.
public sealed partial class CudaBackend
{
    internal override RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor) =>
        new CudaRecurrent(this, descriptor);

    internal override ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor) =>
        CudaRecurrent.Layout(this, descriptor);

    internal override ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor) =>
        ConvolutionMethod == ConvolutionMethod.CuDnn
            ? new CudaGraphConvolution(this, descriptor)
            : new CudaConvolution(this, descriptor);
}
