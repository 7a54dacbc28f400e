namespace Sequor.Layers.Cuda;

// In which mode cuBLAS multiplies: chosen for the largest rows of each pass, and the same for taps that see fewer of them.
internal sealed partial class CudaConvolution
{
    /// <summary>Chooses the modes of a convolution's products.</summary>
    public static void PlanProducts(CudaBackend backend, in ConvolutionDescriptor descriptor)
    {
        // What a stream multiplies goes by how many steps a call brings.
        if (descriptor.Streaming)
            return;
        int rows = checked(descriptor.MaxLength * descriptor.MaxBatch);
        (int inputs, int outputs) = (descriptor.InputSize, descriptor.OutputSize);
        Plan(descriptor, left => new ProductShape(false, true, left, outputs, inputs));
        if (!descriptor.Training)
            return;
        Plan(descriptor, left => new ProductShape(false, false, left, inputs, outputs));
        Plan(descriptor, left => new ProductShape(true, false, outputs, inputs, left));

        void Plan(ConvolutionDescriptor d, Func<int, ProductShape> shape)
        {
            backend.PlanProduct(shape(rows));
            for (int tap = 1; tap < d.Kernel; tap++)
            {
                long skipped = (long)tap * d.Dilation * d.MaxBatch;
                if (skipped >= rows)
                    break;
                backend.PlanProductLike(shape(rows - (int)skipped), shape(rows));
            }
        }
    }
}
