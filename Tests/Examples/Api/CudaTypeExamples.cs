using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Examples.Api;

/// <summary>What the reference shows of GPU objects, each with what it gives on the machine's GPU or the virtual one.</summary>
[TestFixture]
public sealed class CudaTypeExamples : CudaFixture
{
    private IDisposable? _standIn;

    [SetUp]
    public void Find() => _standIn = CudaLibraries.StandIn(Libraries);

    [TearDown]
    public void Forget() => _standIn?.Dispose();

    [Test]
    public void An_example_of_CudaBackend()
    {
        // Shown: CudaBackend
        using CudaBackend gpu = CudaBackend.Create(
            device: 0,
            new CudaOptions { Math = FloatMath.Fp32 }
        );
        using var lstm = new Lstm(inputSize: 4, hiddenSize: 8);
        using Plan plan = lstm.Plan(gpu, maxLength: 5, maxBatch: 2, Mode.Training);
        float[] y = plan.Forward(new float[5 * 2 * 4], length: 5, batch: 2).ToArray();
        nint address = plan.Output.Address; // of device memory, for other work on gpu.Stream
        Console.WriteLine(gpu.Info.Gpu); // the GPU, the driver's version, cuDNN's and cuBLAS's
        // Shown
        Assert.That(y, Has.Length.EqualTo(5 * 2 * 8).And.All.Matches<float>(float.IsFinite));
        Assert.That(address, Is.Not.Zero);
    }

    [Test]
    public void An_example_of_CudaContext()
    {
        // Shown: CudaContext
        CudaDevice device = CudaLibraries.Shared.Device(0);
        using CudaContext context = CudaContext.Primary(device); // or CudaContext.Attach(theirContext)
        (long free, long total) = context.DeviceMemory;
        Console.WriteLine($"{device.Name}: {free >> 20} of {total >> 20} MiB free");
        using CudaStream stream = context.CreateStream();
        using DeviceBuffer<float> buffer = context.Allocate<float>(1000, "weights");
        // Shown
        Assert.That(free, Is.Positive.And.AtMost(total));
    }

    [Test]
    public void An_example_of_CudaStream()
    {
        using CudaContext context = CudaContext.Primary(CudaLibraries.Shared.Device());
        using DeviceBuffer<float> buffer = context.Allocate<float>(4);
        // Shown: CudaStream
        using CudaStream copies = context.CreateStream();
        using CudaStream work = context.CreateStream();
        using CudaEvent copied = context.CreateEvent();
        buffer.Span.CopyFrom([1, 2, 3, 4], copies);
        copied.Record(copies);
        work.Wait(copied); // what is queued on work from here on comes after the copy
        buffer.Span.Slice(2).Clear(work);
        float[] values = buffer.Span.ToArray(work); // 1, 2, 0, 0
        // Shown
        Assert.That(values, Is.EqualTo(new float[] { 1, 2, 0, 0 }));
    }

    [Test]
    public void An_example_of_DeviceBuffer()
    {
        using CudaContext context = CudaContext.Primary(CudaLibraries.Shared.Device());
        using CudaStream stream = context.CreateStream();
        // Shown: DeviceBuffer
        using DeviceBuffer<float> buffer = context.Allocate<float>(6, "weights");
        buffer.Span.CopyFrom([1, 2, 3, 4, 5, 6], stream);
        DeviceSpan<float> tail = buffer.Slice(4); // the last two; no copy
        tail.Fill(0f, stream);
        float[] values = buffer.Span.ToArray(stream); // 1, 2, 3, 4, 0, 0
        // Shown
        Assert.That(values, Is.EqualTo(new float[] { 1, 2, 3, 4, 0, 0 }));
    }

    [Test]
    public void An_example_of_CudaLibraries()
    {
        // Shown: CudaLibraries
        CudaLibraries libraries = CudaLibraries.Shared; // the driver, cuDNN and cuBLAS of this machine
        if (libraries.Failure is { } failure)
            Console.WriteLine($"no GPU can be used: {failure.Reason}");
        else
            foreach (CudaDevice device in libraries.Devices)
                Console.WriteLine(device); // 0: its name (its compute capability)
        // Shown
        Assert.That(libraries.Failure, Is.Null);
        Assert.That(libraries.Devices, Is.Not.Empty);
    }
}
