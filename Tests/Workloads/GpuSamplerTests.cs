using System.Diagnostics;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>That a GPU is sampled while others work, for as long as they do, and that it takes no memory.</summary>
[TestFixture]
[NonParallelizable]
public sealed class GpuSamplerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(1);

    [Test]
    public void There_is_a_sample_when_it_has_started_and_none_after_its_end()
    {
        using NvmlDevice device = QuietNvml.Open();
        using var sampler = new GpuSampler(device, TimeSpan.FromHours(1));
        Assert.That(sampler.Samples.Length, Is.Zero);
        long before = Stopwatch.GetTimestamp();
        sampler.Start();
        Assert.That(sampler.Samples.Length, Is.EqualTo(1));
        Assert.That(sampler.Samples[0].Timestamp, Is.InRange(before, Stopwatch.GetTimestamp()));
        sampler.Stop();
        sampler.Stop();
        Assert.That(sampler.Samples.Length, Is.EqualTo(1));
        Assert.That(sampler.Start, Throws.InvalidOperationException);
        sampler.Dispose();
        sampler.Dispose();
        Assert.That(sampler.Samples.Length, Is.EqualTo(1));
    }

    [Test]
    public void Samples_follow_each_other_and_allocate_nothing()
    {
        using NvmlDevice device = QuietNvml.Open();
        using var sampler = new GpuSampler(device, Short);
        sampler.Start();
        long least = long.MaxValue;
        for (int i = 0; i < 20 && least > 0; i++)
        {
            WaitFor(QuietNvml.Asked + 3);
            long before = GC.GetTotalAllocatedBytes(precise: true);
            WaitFor(QuietNvml.Asked + 10);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        sampler.Stop();
        Assert.That(least, Is.Zero);
        int ended = QuietNvml.Asked;
        // The first question was whether there is a clock.
        Assert.That(sampler.Samples.Length, Is.EqualTo(ended - 1));
        for (int i = 0; i < sampler.Samples.Length; i++)
        {
            Assert.That(sampler.Samples[i].SmClock, Is.EqualTo(i + 2));
            Assert.That(sampler.Samples[i].MemoryClock, Is.EqualTo(7));
            Assert.That(sampler.Samples[i].Power, Is.Null);
        }
        Assert.That(
            sampler.Samples.ToArray().Select(s => s.Timestamp),
            Is.Ordered.Ascending,
            "samples are in order"
        );
        Assert.That(sampler.Period, Is.EqualTo(Short));
    }

    [Test]
    public void A_full_sampler_keeps_half_of_its_samples_and_takes_half_as_many()
    {
        using NvmlDevice device = QuietNvml.Open();
        using var sampler = new GpuSampler(device, Short, capacity: 4);
        sampler.Start();
        WaitFor(10);
        sampler.Stop();
        Assert.That(sampler.Samples.Length, Is.InRange(2, 4));
        Assert.That(sampler.Period, Is.GreaterThanOrEqualTo(4 * Short));
        // The first stays, with the lowest clock.
        Assert.That(sampler.Samples[0].SmClock, Is.EqualTo(2));
        Assert.That(sampler.Samples.ToArray().Select(s => s.Timestamp), Is.Ordered.Ascending);
    }

    [Test]
    public void Impossible_periods_and_sizes_are_refused()
    {
        using NvmlDevice device = QuietNvml.Open();
        Assert.That(
            () => new GpuSampler(device, TimeSpan.Zero),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
        Assert.That(
            () => new GpuSampler(device, capacity: 1),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
        Assert.That(() => new GpuSampler(null!), Throws.ArgumentNullException);
    }

    private static void WaitFor(int asked)
    {
        long begin = Stopwatch.GetTimestamp();
        while (QuietNvml.Asked < asked)
        {
            if (Stopwatch.GetElapsedTime(begin) > Patience)
                Assert.Fail($"{QuietNvml.Asked} samples of {asked} after {Patience}");
            Thread.Sleep(0);
        }
    }
}
