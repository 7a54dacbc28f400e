using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The rate of a square product, by what the backend computes the products of layers with.</summary>
internal static class ProductPeak
{
    // The matrices grow from here until a product takes long enough.
    private const int First = 128;
    private const double LongEnough = 5e-3;

    public static (double FlopsPerSecond, int Size) Measure(
        Backend backend,
        PeakTimer timer,
        PeakOptions options
    )
    {
        long most = Math.Min(options.MostBytes, (backend.FreeBytes ?? long.MaxValue) / 8);
        for (int size = First; ; size *= 2)
        {
            var shape = new Shape(size, size);
            using Storage a = backend.Allocate(shape.Count, MemoryCategory.Workspace);
            using Storage b = backend.Allocate(shape.Count, MemoryCategory.Workspace);
            using Storage c = backend.Allocate(shape.Count, MemoryCategory.Workspace);
            var product = new MatrixProduct
            {
                A = a.View(shape),
                B = b.View(shape),
                C = c.View(shape),
            };
            timer.Draw(product.A);
            timer.Draw(product.B);
            void Multiply() => backend.MatMul(product);
            Multiply();
            // Twice as many rows are four times the bytes and eight times the operations.
            if (
                timer.IsEnough(Multiply, LongEnough, 8, options.Time / 2)
                || 4 * shape.Count * sizeof(float) > most
            )
            {
                double seconds = timer.Best(Multiply, options.Time / 2);
                return (2.0 * size * size * size / seconds, size);
            }
        }
    }
}
