using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>The measured peaks of a GPU: its copies read and write every byte of both arrays, and nothing is left behind.</summary>
[TestFixture]
public sealed class CudaMachinePeaksTests : CudaFixture
{
    [Test]
    public void Peaks_of_a_GPU_are_measured_by_its_own_clock()
    {
        long before = Gpu.Memory.CurrentBytes;
        var peaks = MachinePeaks.Measure(
            Gpu,
            new PeakOptions { Time = TimeSpan.FromMilliseconds(1), MostBytes = 1 << 20 }
        );
        Assert.That(peaks.BytesPerSecond, Is.GreaterThan(0).And.LessThan(1e14));
        Assert.That(peaks.FlopsPerSecond, Is.GreaterThan(0).And.LessThan(1e16));
        Assert.That(peaks.CopiedBytes, Is.EqualTo(1 << 20));
        Assert.That(peaks.MatrixSize, Is.InRange(128, 512));
        Assert.That(Gpu.Memory.CurrentBytes, Is.EqualTo(before));
    }

    [Test]
    public void Work_on_a_GPU_is_counted_with_its_launches()
    {
        using Storage a = Gpu.Allocate(12, MemoryCategory.Workspace);
        using Storage b = Gpu.Allocate(20, MemoryCategory.Workspace);
        using Storage c = Gpu.Allocate(15, MemoryCategory.Workspace);
        var product = new MatrixProduct
        {
            A = a.View(new Shape(3, 4)),
            B = b.View(new Shape(4, 5)),
            C = c.View(new Shape(3, 5)),
        };
        Gpu.Fill(product.A, 1f);
        Gpu.Fill(product.B, 1f);
        var work = WorkCost.Of(Gpu, () => Gpu.MatMul(product));
        Assert.That(work.Operations, Is.EqualTo(1));
        Assert.That(work.Launches, Is.EqualTo(1));
        Assert.That(work.Flops, Is.EqualTo(2 * 3 * 4 * 5));
        Assert.That(work.BytesMoved, Is.EqualTo((12 + 20 + 15) * sizeof(float)));
        Assert.That(work.BytesUnknown, Is.Zero);
    }
}
