using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Support;
using static Sequor.Native.DLDeviceType;

namespace Sequor.Tests.Interchange;

/// <summary>Tensors of a GPU: the order of both sides' streams, captures, and memory that is another device's.</summary>
[TestFixture]
public sealed class DlPackCudaTests : CudaFixture
{
    private const int Rounds = 8;

    [Test]
    public void Work_here_waits_for_the_producer_s_stream()
    {
        for (int round = 1; round <= Rounds; round++)
        {
            using CudaStream theirs = Context.CreateStream();
            using var lent = new Lent(Gpu, new float[64]);
            using Producer producer = lent.Producer(Gpu, 64);
            using var theirView = DeviceBuffer<float>.Wrap(Context, lent.Address, 64);
            using Storage copy = Gpu.Allocate(64, MemoryCategory.InputOutput);
            // Queued, and not waited for by the host.
            theirView.Span.Fill(round, theirs);
            using (DlPackTensor taken = producer.Lend(Gpu, stream: Number(theirs)))
                taken.Tensor.CopyTo(copy.View(new Shape(64)));
            // Given back, so it is theirs again: they write it in the order of their stream.
            theirView.Span.Fill(-1, theirs);
            Assert.That(copy.View(new Shape(64)).ToArray(), Has.All.EqualTo((float)round));
            theirs.Synchronize();
            Assert.That(lent.Read(), Has.All.EqualTo(-1f));
        }
    }

    [Test]
    [VirtualGpuOnly]
    public void Where_no_stream_is_told_the_host_waits_before_it_gives_back()
    {
        VirtualGpu.VirtualCounts counts = RequireVirtual().Counts;
        for (int round = 1; round <= Rounds; round++)
        {
            using var lent = new Lent(Gpu, [1, 2, 3]);
            using Producer producer = lent.Producer(Gpu, 3);
            using Storage copy = Gpu.Allocate(3, MemoryCategory.InputOutput);
            Gpu.Synchronize();
            bool idle = false;
            producer.Deleting = () => idle = Stream.IsIdle;
            counts.Reset();
            using (DlPackTensor taken = producer.Lend(Gpu))
                taken.Tensor.CopyTo(copy.View(new Shape(3)));
            Assert.That(idle);
            Assert.That(counts.Waits, Is.EqualTo(1));
            Assert.That(counts.OfAll("cuEvent"), Is.Zero);
        }
    }

    [Test]
    [VirtualGpuOnly]
    public void Where_a_stream_is_told_the_host_waits_for_nothing()
    {
        VirtualGpu.VirtualCounts counts = RequireVirtual().Counts;
        using CudaStream theirs = Context.CreateStream();
        using var lent = new Lent(Gpu, [1, 2, 3]);
        using Producer producer = lent.Producer(Gpu, 3);
        Gpu.Synchronize();
        counts.Reset();
        producer.Lend(Gpu, stream: Number(theirs)).Dispose();
        Assert.That(counts.Waits, Is.Zero);
        Assert.That(counts.Of("cuStreamWaitEvent"), Is.EqualTo(2), "each for the other");
        counts.Reset();
        // Our own stream is in order.
        producer.Lend(Gpu, stream: Number(Stream)).Dispose();
        Assert.That(counts.Waits + counts.OfAll("cuEvent"), Is.Zero);
        // With -1 the producer has seen to the order of its work alone.
        producer.Lend(Gpu, stream: -1).Dispose();
        Assert.That(counts.Waits, Is.EqualTo(1));
        Assert.That(counts.OfAll("cuEvent"), Is.Zero);
    }

    // It ought to live until the memory is back. A driver that still knows that it is gone answers with an error, as the virtual one
    // does, which keeps it as a fault too.
    [Test]
    [VirtualGpuOnly]
    public void Where_the_stream_that_was_told_is_gone_the_host_waits_before_it_gives_back()
    {
        VirtualGpu.VirtualCounts counts = RequireVirtual().Counts;
        for (int round = 1; round <= Rounds; round++)
        {
            using var lent = new Lent(Gpu, [1, 2, 3]);
            using Producer producer = lent.Producer(Gpu, 3);
            using Storage copy = Gpu.Allocate(3, MemoryCategory.InputOutput);
            Gpu.Synchronize();
            bool idle = false;
            producer.Deleting = () => idle = Stream.IsIdle;
            CudaStream theirs = Context.CreateStream();
            using (DlPackTensor taken = producer.Lend(Gpu, stream: Number(theirs)))
            {
                taken.Tensor.CopyTo(copy.View(new Shape(3)));
                theirs.Dispose();
                counts.Reset();
            }
            Assert.That(idle, "work on the memory was done when it went back");
            Assert.That(producer.Deleted, Is.EqualTo(1));
            Assert.That(counts.Waits, Is.EqualTo(1));
            Assert.That(
                RequireVirtual().TakeFaults().Select(fault => fault.Kind),
                Is.EqualTo(new[] { VirtualGpu.FaultKind.DestroyedHandle })
            );
            Assert.That(copy.View(new Shape(3)).ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
        }
    }

    [Test]
    public void The_consumer_s_stream_waits_for_the_work_here([Values] DlPackForm form)
    {
        for (int round = 1; round <= Rounds; round++)
        {
            using CudaStream theirs = Context.CreateStream();
            using Storage storage = Gpu.Allocate(64, MemoryCategory.InputOutput);
            Tensor tensor = storage.View(new Shape(64));
            using var copy = Context.Allocate<float>(64);
            Gpu.Fill(tensor, round);
            nint managed = DlPack.Export(tensor, form, stream: Number(theirs));
            using (DeviceBuffer<float> view = View(managed, form))
                copy.Span.CopyFrom(view, theirs);
            // What is written here from now on waits for the consumer where that is asked for.
            DlPack.WaitFor(Gpu, Number(theirs));
            Gpu.Fill(tensor, -1);
            Assert.That(copy.Span.ToArray(theirs), Has.All.EqualTo((float)round));
            Consumer.Delete(managed, form);
        }
    }

    [Test]
    public void Without_a_stream_it_is_the_legacy_default_one([Values(null, 1L)] long? stream)
    {
        // A stream of the consumer's that waits for the legacy default stream, as CUDA's runtime makes them.
        using CudaStream theirs = Context.CreateStream(blocking: true);
        for (int round = 1; round <= Rounds; round++)
        {
            using Storage storage = Gpu.Allocate(64, MemoryCategory.InputOutput);
            using var copy = Context.Allocate<float>(64);
            Gpu.Fill(storage.View(new Shape(64)), round);
            nint managed = DlPack.Export(
                storage.View(new Shape(64)),
                DlPackForm.Plain,
                stream: stream
            );
            using (DeviceBuffer<float> view = View(managed, DlPackForm.Plain))
                copy.Span.CopyFrom(view, theirs);
            Assert.That(copy.Span.ToArray(theirs), Has.All.EqualTo((float)round));
            Consumer.Delete(managed, DlPackForm.Plain);
        }
    }

    [Test]
    public void The_thread_s_own_stream_is_number_2()
    {
        using CudaStream own = CudaStream.Attach(Context, 2);
        for (int round = 1; round <= Rounds; round++)
        {
            using Storage storage = Gpu.Allocate(64, MemoryCategory.InputOutput);
            using var copy = Context.Allocate<float>(64);
            Gpu.Fill(storage.View(new Shape(64)), round);
            nint managed = DlPack.Export(storage.View(new Shape(64)), DlPackForm.Plain, stream: 2);
            using (DeviceBuffer<float> view = View(managed, DlPackForm.Plain))
                copy.Span.CopyFrom(view, own);
            Assert.That(copy.Span.ToArray(own), Has.All.EqualTo((float)round));
            Consumer.Delete(managed, DlPackForm.Plain);
        }
    }

    [Test]
    public void The_number_of_the_backend_s_stream_is_what_a_producer_is_given()
    {
        Assert.That(DlPack.StreamOf(Gpu), Is.EqualTo((long)(nint)Stream.Handle.Value));
        Assert.That(DlPack.StreamOf(Cpu), Is.Null);
        Assert.That(DlPack.DeviceOf(Gpu), Is.EqualTo((kDLCUDA, 0)));
        Assert.That(DlPack.DeviceOf(Cpu), Is.EqualTo((kDLCPU, 0)));
        using CudaStream legacy = CudaStream.Attach(Context, 0);
        using var backend = new Sequor.Layers.Cuda.CudaBackend(Context, legacy);
        Assert.That(DlPack.StreamOf(backend), Is.EqualTo(1));
        Assert.That(() => DlPack.WaitFor(Cpu, 1), Throws.ArgumentException);
        Assert.That(() => DlPack.LetWait(Cpu, 1), Throws.ArgumentException);
        Assert.That(() => DlPack.WaitFor(Gpu, 0), Throws.ArgumentException);
        DlPack.LetWait(Gpu, -1);
    }

    [Test]
    public void What_a_capture_may_not_contain_waits_until_its_end()
    {
        using var lent = new Lent(Gpu, [1, 2, 3]);
        using Producer producer = lent.Producer(Gpu, 3);
        using CudaStream theirs = Context.CreateStream();
        using Storage copy = Gpu.Allocate(3, MemoryCategory.InputOutput);
        DlPackTensor taken = producer.Lend(Gpu);
        Storage storage = Gpu.Allocate(3, MemoryCategory.InputOutput);
        nint managed = DlPack.Export(storage.View(new Shape(3)), DlPackForm.Plain, stream: -1);
        storage.Dispose();
        using CudaGraph graph = CudaGraph.Capture(
            Stream,
            () =>
            {
                taken.Tensor.CopyTo(copy.View(new Shape(3)));
                taken.Dispose();
                Consumer.DeleteElsewhere(managed, DlPackForm.Plain);
                Assert.That(
                    () =>
                        DlPack.Export(
                            copy.View(new Shape(3)),
                            DlPackForm.Plain,
                            stream: Number(theirs)
                        ),
                    Throws
                        .InstanceOf<InvalidOperationException>()
                        .With.Message.Contains("captured step")
                );
                Assert.That(
                    () => producer.Lend(Gpu, stream: Number(theirs)),
                    Throws
                        .InstanceOf<InvalidOperationException>()
                        .With.Message.Contains("captured step")
                );
                // The refused one alone: the other's work is in the graph that is made.
                Assert.That(producer.Deleted, Is.EqualTo(1));
            }
        );
        Assert.That(producer.Deleted, Is.EqualTo(1));
        Gpu.Synchronize();
        Assert.That(producer.Deleted, Is.EqualTo(2));
    }

    private static IEnumerable<TestCaseData> Elsewhere() =>
        [
            Of(
                "the host's",
                p => p.Device = new() { device_type = kDLCPU },
                "host memory",
                "cuda:0",
                "Device.Cpu"
            ),
            Of(
                "pinned",
                p => p.Device = new() { device_type = kDLCUDAHost },
                "pinned",
                "cupy.asarray(x)"
            ),
            Of(
                "another GPU's",
                p => p.Device = new() { device_type = kDLCUDA, device_id = 1 },
                "memory of cuda:1",
                "x.to(\"cuda:0\")",
                "Device.Cuda(1)"
            ),
            Of("longer than the allocation", p => p.Sizes = [4000], "more than the allocation has"),
        ];

    private static TestCaseData Of(string name, Action<Producer> spoil, params string[] says) =>
        new TestCaseData(spoil, says).SetArgDisplayNames(name);

    [TestCaseSource(nameof(Elsewhere))]
    public void Memory_that_the_gpu_cannot_use_is_refused(Action<Producer> spoil, string[] says)
    {
        using var lent = new Lent(Gpu, [1, 2, 3]);
        using Producer producer = lent.Producer(Gpu, 3);
        spoil(producer);
        ArgumentException refused = Assert.Throws<ArgumentException>(() => producer.Lend(Gpu))!;
        foreach (string part in says)
            Assert.That(refused.Message, Does.Contain(part));
        Assert.That(producer.Deleted, Is.EqualTo(1));
    }

    [Test]
    public void An_address_that_is_not_the_gpu_s_is_found_whatever_the_producer_says()
    {
        using var host = new Lent(Cpu, [1, 2, 3]);
        using Producer producer = host.Producer(Gpu, 3);
        Assert.That(
            () => producer.Lend(Gpu),
            Throws.ArgumentException.With.Message.Contains("is it the host's?")
        );
        using PinnedBuffer<float> pinned = Context.AllocatePinned<float>(3);
        producer.Data = pinned.Handle;
        Assert.That(
            () => producer.Lend(Gpu),
            Throws.ArgumentException.With.Message.Contains("host memory")
        );
        Assert.That(producer.Deleted, Is.EqualTo(2));
        // The CPU's backend has that one.
        producer.Device = new() { device_type = kDLCUDAHost };
        pinned.Span[1] = 7;
        using DlPackTensor taken = producer.Lend(Cpu);
        Assert.That(taken.Tensor.ToArray()[1], Is.EqualTo(7));
    }

    // What cuPointerGetAttributes says decides about the address; the virtual GPU has no managed memory of its own.
    [Test]
    public void Managed_memory_is_taken_whatever_its_device()
    {
        using var lent = new Lent(Gpu, [1, 2, 3]);
        using Producer producer = lent.Producer(Gpu, 3);
        producer.Device = new() { device_type = kDLCUDAManaged };
        using DlPackTensor taken = producer.Lend(Gpu);
        Assert.That(taken.Tensor.ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
    }

    private static long Number(CudaStream stream) => (long)(nint)stream.Handle.Value;

    private unsafe DeviceBuffer<float> View(nint managed, DlPackForm form) =>
        DeviceBuffer<float>.Wrap(Context, (nint)Consumer.Tensor(managed, form).data, 64);
}
