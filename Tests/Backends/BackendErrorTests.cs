using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Threads;

public sealed class BackendErrorTests
{
    private static readonly Refusal[] Refusals =
    [
        Refusal.Of<ArgumentException>(
            "unknown device",
            () => Backend.Create("tpu"),
            "'tpu'",
            "auto, cpu, cuda"
        ),
        Refusal.Of<ArgumentException>(
            "device in capitals",
            () => Backend.Create("CPU"),
            "'CPU'",
            "cpu"
        ),
        Refusal.Of<ArgumentNullException>("no device", () => Backend.Create(null!), "device"),
        Refusal.Of<DeviceUnavailableException>(
            "a GPU that there is not",
            () => Backend.Create("cuda:99"),
            "cuda:99",
            "not available"
        ),
        Options("100 bits", new BackendOptions { VectorBits = 100 }, "100", "0, 128, 256 or 512"),
        Options("-1 threads", new BackendOptions { Threads = -1 }, "-1", "0 (all cores) to 1024"),
        Options(
            "5000 threads",
            new BackendOptions { Threads = 5000 },
            "5000",
            "0 (all cores) to 1024"
        ),
        Refusal.Of<ArgumentException>(
            "null address",
            () => Backends.Get(256, 1).Wrap(0, new Shape(1)),
            "multiple of 4 and not null"
        ),
        Refusal.Of<ArgumentException>(
            "address inside a float",
            () => Backends.Get(256, 1).Wrap(4098, new Shape(1)),
            "multiple of 4"
        ),
        Refusal.Of<ArgumentOutOfRangeException>(
            "less than nothing",
            () => Backends.Get(256, 1).Allocate(-1, MemoryCategory.InputOutput),
            "count",
            "-1"
        ),
        Refusal.Of<DeviceMemoryException>(
            "more memory than any machine has",
            () => Backends.Get(256, 1).Allocate(1L << 52, MemoryCategory.Gradients),
            "18,014,398,509,481,984 bytes",
            "Gradients"
        ),
        Refusal.Of<DeviceMemoryException>(
            "more memory than can be counted",
            () => Backends.Get(256, 1).Allocate(long.MaxValue, MemoryCategory.Gradients),
            "Gradients"
        ),
    ];

    private static Refusal Options(string name, BackendOptions options, params string[] says) =>
        Refusal.Of<ArgumentOutOfRangeException>(name, () => Backend.Create("cpu", options), says);

    [TestCaseSource(nameof(Refusals))]
    public void A_backend_or_memory_that_cannot_be_is_refused(Refusal refusal) => refusal.Check();

    [Test]
    public void The_automatic_device_is_there_and_says_why()
    {
        using var backend = Backend.Create("auto", new BackendOptions { Threads = 2 });

        Assert.That(backend.Info.Device, Is.Not.Empty);
        Assert.That(backend.Info.Reason, Is.Not.Empty);
    }

    [TestCase(1, 128)]
    [TestCase(3, 256)]
    [TestCase(2, 512)]
    public void A_cpu_is_as_asked_for(int threads, int bits)
    {
        using var backend = Backend.Create(
            "cpu",
            new BackendOptions { Threads = threads, VectorBits = bits }
        );

        Assert.That(backend.Info.Device, Is.EqualTo("cpu"));
        Assert.That(backend.Info.Threads, Is.EqualTo(threads));
        Assert.That(backend.Info.VectorBits, Is.EqualTo(bits));
        Assert.That(
            backend.Info.Description,
            Does.Contain($"{threads} thread").And.Contain($"{bits}-bit")
        );
        Assert.That(backend.Info.Instructions, Is.EqualTo(CpuInstructions.Describe(bits)));
        Assert.That(backend.Info.Description, Does.EndWith(backend.Info.Instructions));
        Assert.That(
            CpuInstructions.Describe(128),
            Does.EndWith(CpuInstructions.FusedMultiplyAdd ? ", FMA" : ", no FMA")
        );
    }
}
