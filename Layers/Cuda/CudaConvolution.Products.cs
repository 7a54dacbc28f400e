namespace Sequor.Layers.Cuda;

// In which mode cuBLAS multiplies: chosen for the largest rows of each pass, and the same for taps that see fewer of them.
internal sealed partial class CudaConvolution
{
    /// <summary>Chooses the modes of a convolution's products.</summary>
    public static void PlanProducts(CudaBackend backend, in ConvolutionDescriptor descriptor)
    {
        int rows = checked(descriptor.MaxLength * descriptor.MaxBatch);
        (int inputs, int outputs) = (descriptor.InputSize, descriptor.OutputSize);
        if (descriptor.Streaming)
        {
            Stream(descriptor);
            return;
        }
        Plan(descriptor, left => new ProductShape(false, true, left, outputs, inputs));
        if (!descriptor.Training)
            return;
        Plan(descriptor, left => new ProductShape(false, false, left, inputs, outputs));
        Plan(descriptor, left => new ProductShape(true, false, outputs, inputs, left));

        // A call of a stream may bring one step, as those do that answer at once, or as many as there are room for; what a tap sees of
        // the latter is a part in the call and a part in the ring.
        void Stream(ConvolutionDescriptor d)
        {
            var whole = new ProductShape(false, true, rows, outputs, inputs);
            backend.PlanProduct(whole);
            backend.PlanProduct(whole with { M = d.MaxBatch });
            for (int tap = 1; tap < d.Kernel; tap++)
            {
                long shift = (long)tap * d.Dilation;
                if (shift >= d.MaxLength)
                    break;
                foreach (long steps in (long[])[d.MaxLength - shift, shift])
                    backend.PlanProductLike(whole with { M = (int)steps * d.MaxBatch }, whole);
            }
        }

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
