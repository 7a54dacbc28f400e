using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>The measured peaks of a machine, the floors by them, and how the arrays are copied and chosen.</summary>
[TestFixture]
public sealed class MachinePeaksTests : FolderTest
{
    private static readonly PeakOptions Small = new()
    {
        Time = TimeSpan.FromMilliseconds(1),
        MostBytes = 1 << 20,
    };

    [Test]
    public void Peaks_are_rates_and_give_their_memory_back([Values(1, 2)] int threads)
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = threads });
        var peaks = MachinePeaks.Measure(backend, Small);
        Assert.That(peaks.BytesPerSecond, Is.GreaterThan(0).And.LessThan(1e14));
        Assert.That(peaks.FlopsPerSecond, Is.GreaterThan(0).And.LessThan(1e16));
        Assert.That(peaks.MultiplyAddsPerSecond, Is.GreaterThan(0).And.LessThan(1e16));
        Assert.That(peaks.MostFlopsPerSecond, Is.AtLeast(peaks.FlopsPerSecond));
        Assert.That(peaks.CopiedBytes, Is.EqualTo(1 << 20));
        Assert.That(peaks.MatrixSize, Is.EqualTo(128).Or.EqualTo(256).Or.EqualTo(512));
        // The backend's own scratch for products is kept.
        Assert.That(backend.Memory.CurrentBytes, Is.AtMost(1 << 20));
        Assert.That(
            backend.Memory.Current(MemoryCategory.Workspace),
            Is.EqualTo(backend.Memory.CurrentBytes)
        );
    }

    [Test]
    public void Floors_are_those_of_what_takes_longer()
    {
        MachinePeaks peaks = new(2e9, 5e9, 1, 1);
        Assert.That(peaks.FloorMilliseconds(4_000_000, 5_000_000), Is.EqualTo(2).Within(1e-12));
        Assert.That(peaks.FloorMilliseconds(4_000_000, 50_000_000), Is.EqualTo(10).Within(1e-12));
        Assert.That(peaks.FloorMilliseconds(4_000_000, null), Is.EqualTo(2).Within(1e-12));
        Assert.That(peaks.FloorMilliseconds(null, 5_000_000), Is.EqualTo(1).Within(1e-12));
        Assert.That(peaks.FloorMilliseconds(null, null), Is.Null);
        // A product is no peak where additions and multiplications reach more.
        peaks = peaks with
        {
            MultiplyAddsPerSecond = 10e9,
        };
        Assert.That(peaks.FloorMilliseconds(4_000_000, 50_000_000), Is.EqualTo(5).Within(1e-12));
        peaks = peaks with { MultiplyAddsPerSecond = 4e9 };
        Assert.That(peaks.FloorMilliseconds(4_000_000, 50_000_000), Is.EqualTo(10).Within(1e-12));
    }

    [Test]
    public void A_copy_takes_every_value_once(
        [Values(1, 7, 31, 32, 33, 100, 1023)] int count,
        [Values(1, 2, 3)] int parts
    )
    {
        using var backend = (CpuBackend)
            Backend.Create(Device.Cpu, new CpuOptions { Threads = parts });
        using Storage from = backend.Allocate(count, MemoryCategory.Workspace);
        using Storage to = backend.Allocate(count + 16, MemoryCategory.Workspace);
        float[] values = [.. Enumerable.Range(1, count).Select(i => (float)i)];
        backend.Upload(values, from.View(new Shape(count)));
        backend.Fill(to.View(new Shape(count + 16)), -1f);
        backend.Run(
            new CopyPeak.CopyJob(from.View(new Shape(count)), to.View(new Shape(count)), parts),
            parts
        );
        float[] copied = to.View(new Shape(count + 16)).ToArray();
        Assert.That(copied[..count], Is.EqualTo(values));
        Assert.That(copied[count..], Is.All.EqualTo(-1f));
    }

    [Test]
    public void Caches_of_the_last_level_count_once_each()
    {
        Cache(0, 0, 1, "32K", "0");
        Cache(0, 3, 3, "32768K", "0-1");
        Cache(1, 0, 1, "32K", "1");
        Cache(1, 3, 3, "32768K", "0-1");
        Cache(2, 0, 1, "32K", "2");
        Cache(2, 3, 3, "16384K", "2");
        File.WriteAllText(Path.Combine(Folder, "cpu1", "cache", "index0", "type"), "Instruction\n");
        Assert.That(CacheSize.LastLevel(Folder), Is.EqualTo((32768L + 16384) << 10));
        Assert.That(
            CacheSize.Levels(Folder),
            Is.EqualTo((CacheLevel[])[new(1, 2L * 32 << 10), new(3, (32768L + 16384) << 10)])
        );
    }

    [Test]
    public void Caches_that_a_system_does_not_tell_of_are_none()
    {
        Assert.That(CacheSize.LastLevel(Path.Combine(Folder, "none")), Is.Zero);
        Assert.That(CacheSize.LastLevel(Folder), Is.Zero);
        Cache(0, 0, 3, "large", "0");
        Assert.That(CacheSize.LastLevel(Folder), Is.Zero);
        Cache(0, 1, 2, "99999999999999999K", "0");
        Assert.That(CacheSize.LastLevel(Folder), Is.Zero);
    }

    private void Cache(int processor, int index, int level, string size, string shared)
    {
        string folder = Path.Combine(Folder, $"cpu{processor}", "cache", $"index{index}");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "level"), $"{level}\n");
        File.WriteAllText(Path.Combine(folder, "size"), size + "\n");
        File.WriteAllText(Path.Combine(folder, "shared_cpu_list"), shared + "\n");
    }
}
