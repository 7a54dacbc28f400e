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
}
