using System.Diagnostics;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>How fast the CPU backend multiplies matrices: a quick sign of whether a machine does what it can.</summary>
public static class MatrixProductCheck
{
    private const int Size = 512;

    /// <summary>Runs products for about the given time on one thread, and again on all.</summary>
    public static Throughput Run(TimeSpan each)
    {
        int threads = Environment.ProcessorCount;
        double one = Gflops(1, each);
        double all = threads == 1 ? one : Gflops(threads, each);
        return new Throughput(Math.Round(one, 1), Math.Round(all, 1), threads);
    }

    // The best of the products: others were disturbed.
    private static double Gflops(int threads, TimeSpan time)
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = threads });
        var shape = new Shape(Size, Size);
        using Storage a = backend.Allocate(shape.Count, MemoryCategory.Workspace);
        using Storage b = backend.Allocate(shape.Count, MemoryCategory.Workspace);
        using Storage c = backend.Allocate(shape.Count, MemoryCategory.Workspace);
        var product = new MatrixProduct
        {
            A = new Tensor(a, 0, shape),
            B = new Tensor(b, 0, shape),
            C = new Tensor(c, 0, shape),
        };
        backend.Fill(product.A, 1f);
        backend.Fill(product.B, 1f);
        double best = double.PositiveInfinity;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < time || double.IsInfinity(best))
        {
            long start = Stopwatch.GetTimestamp();
            backend.MatMul(product);
            backend.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return 2.0 * Size * Size * Size / best / 1e9;
    }
}
