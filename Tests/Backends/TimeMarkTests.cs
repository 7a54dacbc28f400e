using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Threads;

/// <summary>Time marks that were not recorded, or belong to another backend, are refused with the reason.</summary>
public sealed class TimeMarkTests
{
    [Test]
    public void Marks_that_tell_no_time_say_why()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using Backend other = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using TimeMark first = backend.CreateMark();
        using TimeMark last = backend.CreateMark();
        using TimeMark foreign = other.CreateMark();
        foreign.Record();
        last.Record();
        Assert.That(
            () => last.MillisecondsSince(first),
            Throws.InvalidOperationException.With.Message.Contains("must be recorded")
        );
        first.Record();
        last.Record();
        Assert.That(last.MillisecondsSince(first), Is.Not.Negative);
        Assert.That(
            () => last.MillisecondsSince(foreign),
            Throws.ArgumentException.With.Message.Contains("another backend")
        );
        Assert.That(() => last.MillisecondsSince(null!), Throws.ArgumentNullException);
        first.Dispose();
        Assert.That(
            () => last.MillisecondsSince(first),
            Throws.InstanceOf<ObjectDisposedException>()
        );
        backend.Dispose();
        Assert.That(() => backend.CreateMark(), Throws.InstanceOf<ObjectDisposedException>());
    }
}
