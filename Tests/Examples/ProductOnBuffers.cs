using Sequor.Interop;

namespace Sequor.Tests.Examples;

/// <summary>What Interop/README.md shows: a product by cuBLAS.</summary>
internal static class ProductOnBuffers
{
    public static float[] Run(CudaLibraries libraries)
    {
        // Shown
        using var context = CudaContext.Primary(libraries.Device());
        using var stream = context.CreateStream();
        using var blas = CuBlasHandle.Create(stream);
        using var a = context.Allocate<float>(6, "weights");
        a.Span.CopyFrom([1, 2, 3, 4, 5, 6], stream);
        using var c = context.Allocate<float>(4);
        blas.Multiply(new(a, 2, 3), false, new(a, 2, 3), true, new(c, 2, 2)); // c = a a'
        float[] result = c.Span.ToArray(stream);
        // Shown
        return result;
    }
}
