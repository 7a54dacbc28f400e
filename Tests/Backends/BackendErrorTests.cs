using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Threads;

/// <summary>Names of devices and options of backends: which are accepted, which are refused and with which words.</summary>
public sealed class BackendErrorTests
{
    private static readonly Refusal[] Refusals =
    [
        Refusal.Of<FormatException>(
            "unknown device",
            () => Device.Parse("tpu"),
            "'tpu'",
            "auto, cpu, cuda"
        ),
        Refusal.Of<FormatException>(
            "device in capitals",
            () => Device.Parse("CPU"),
            "'CPU'",
            "cpu"
        ),
        Refusal.Of<FormatException>("device with a sign", () => Device.Parse("cuda:-1"), "cuda:-1"),
        Refusal.Of<FormatException>(
            "device without a number",
            () => Device.Parse("cuda:"),
            "cuda:N"
        ),
        Refusal.Of<ArgumentNullException>("no device", () => Device.Parse(null!), "text"),
        Refusal.Of<ArgumentOutOfRangeException>("GPU -1", () => Device.Cuda(-1), "index", "-1"),
        Refusal.Of<ArgumentException>(
            "a GPU's options on a CPU",
            () => Backend.Create(Device.Cpu, cuda: new CudaOptions()),
            "cpu",
            "CudaOptions"
        ),
        Refusal.Of<ArgumentException>(
            "a CPU's options on a GPU",
            () => Backend.Create(Device.Cuda(1), new CpuOptions()),
            "cuda:1",
            "CpuOptions"
        ),
        Refusal.Of<DeviceUnavailableException>(
            "a GPU that there is not",
            () => Backend.Create(Device.Cuda(99)),
            "cuda:99",
            "not available"
        ),
        Options("100 bits", new CpuOptions { VectorBits = 100 }, "100", "0, 128, 256 or 512"),
        Options("-1 threads", new CpuOptions { Threads = -1 }, "-1", "0 (all cores) to 1024"),
        Options("5000 threads", new CpuOptions { Threads = 5000 }, "5000", "0 (all cores) to 1024"),
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

    private static Refusal Options(string name, CpuOptions options, params string[] says) =>
        Refusal.Of<ArgumentOutOfRangeException>(
            name,
            () => Backend.Create(Device.Cpu, options),
            says
        );

    [TestCase("auto")]
    [TestCase("cpu")]
    [TestCase("cuda:0")]
    [TestCase("cuda:12")]
    public void A_device_is_what_its_text_says(string text)
    {
        Assert.That(Device.Parse(text).ToString(), Is.EqualTo(text));
        Assert.That(Device.TryParse(text, out Device device) && device == Device.Parse(text));
    }

    [Test]
    public void The_first_GPU_needs_no_number() =>
        Assert.That(Device.Parse("cuda"), Is.EqualTo(Device.Cuda(0)));

    [TestCaseSource(nameof(Refusals))]
    public void A_backend_or_memory_that_cannot_be_is_refused(Refusal refusal) => refusal.Check();

    [Test]
    public void The_automatic_device_is_there_and_says_why()
    {
        using var backend = Backend.Create(Device.Auto, new CpuOptions { Threads = 2 });

        Assert.That(backend.Info.Device, Is.Not.Empty);
        Assert.That(backend.Info.Reason, Is.Not.Empty);
    }

    [TestCase(1, 128)]
    [TestCase(3, 256)]
    [TestCase(2, 512)]
    public void A_cpu_is_as_asked_for(int threads, int bits)
    {
        using var backend = Backend.Create(
            Device.Cpu,
            new CpuOptions { Threads = threads, VectorBits = bits }
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
