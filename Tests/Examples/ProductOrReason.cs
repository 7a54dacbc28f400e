using Sequor.Interop;

namespace Sequor.Tests.Examples;

/// <summary>What Interop/PACKAGE.md shows: a product by cuBLAS, or why there is none.</summary>
internal static class ProductOrReason
{
    public static void Run(CudaLibraries shared)
    {
        // Shown
        CudaLibraries libraries = shared;
        if (libraries.Failure is { } failure)
        {
            Console.WriteLine($"no GPU can be used: {failure.Reason}");
            return;
        }
        using var context = CudaContext.Primary(libraries.Device());
        using var stream = context.CreateStream();
        using var blas = CuBlasHandle.Create(stream);
        using var a = context.Allocate<float>(6, "weights");
        a.Span.CopyFrom([1, 2, 3, 4, 5, 6], stream);
        using var c = context.Allocate<float>(4);
        blas.Multiply(new(a, 2, 3), false, new(a, 2, 3), true, new(c, 2, 2)); // c = a a'
        Console.WriteLine(string.Join(' ', c.Span.ToArray(stream))); // 14 32 32 77
        // Shown
    }
}
