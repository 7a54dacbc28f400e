using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Other code's pointers and streams, memory that runs out, steps that allocate nothing.</summary>
[TestFixture]
public sealed class CudaOwnershipTests : CudaFixture
{
    [Test]
    public void A_callers_pointers_and_stream_are_used_as_they_are()
    {
        const int T = 5;
        const int B = 2;
        // What other code has: a context, a stream, memory.
        using CudaStream theirs = Context.CreateStream();
        using DeviceBuffer<float> x = Upload(new Draw(1).Uniform(T * B * 3));
        using DeviceBuffer<float> dy = Upload(new Draw(2).Uniform(T * B * 4));

        float[] y;
        float[] dx;
        using (CudaContext context = CudaContext.Attach((nint)Context.Handle.Value, Libraries))
        using (CudaStream stream = CudaStream.Attach(context, (nint)theirs.Handle.Value))
        using (var gpu = new CudaBackend(context, stream))
        using (var lstm = new Lstm(3, 4))
        using (
            Plan plan = lstm.Plan(
                gpu,
                T,
                B,
                Mode.Training,
                new PlanOptions { InputGradient = true }
            )
        )
        {
            plan.Forward(gpu.Wrap((nint)x.Handle.Value, new Shape(T, B, 3)));
            plan.Backward(gpu.Wrap((nint)dy.Handle.Value, new Shape(T, B, 4)));
            y = plan.Output.ToArray();
            dx = plan.InputGradient.ToArray();
        }

        using var onCpu = new Lstm(3, 4);
        using Plan cpu = onCpu.Plan(
            Cpu,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        cpu.Forward(new Draw(1).Uniform(T * B * 3), T, B);
        Tensor cpuDy = Cpu.Allocate(new Shape(T, B, 4), MemoryCategory.InputOutput);
        cpuDy.Write(new Draw(2).Uniform(T * B * 4));
        cpu.Backward(cpuDy);
        Against.Cpu("lstm", "y", y, cpu.Output.ToArray(), 1e-5);
        Against.Cpu("lstm", "dx", dx, cpu.InputGradient.ToArray(), 1e-5);
        cpuDy.Storage.Dispose();
        // Theirs still, and working.
        theirs.Synchronize();
        Assert.That(x.Span.ToArray(theirs), Is.EqualTo(new Draw(1).Uniform(T * B * 3)));
    }

    [Test]
    public void A_pointer_that_is_no_device_memory_is_refused()
    {
        float host = 1;
        unsafe
        {
            nint address = (nint)(&host);
            Assert.That(
                () => Gpu.Wrap(address, new Shape(1)),
                Throws.ArgumentException.With.Message.Contains("0x")
            );
        }
        Assert.That(() => Gpu.Wrap(0, new Shape(1)), Throws.ArgumentException);
    }

    [Test]
    public void A_wrapped_block_that_is_too_short_is_refused()
    {
        using DeviceBuffer<float> x = Upload(1, 2, 3);
        nint address = (nint)x.Handle.Value;

        Assert.That(
            () => Gpu.Wrap(address, new Shape(1000)),
            Throws.ArgumentException.With.Message.Contains("more than the allocation")
        );
    }

    [Test]
    public void An_unmarked_test_takes_a_real_gpu_where_there_is_one()
    {
        Assert.Multiple(() =>
        {
            Assert.That(IsVirtualOnly(), Is.False);
            Assert.That(Virtual is null, Is.EqualTo(TestGpu.Real is not null));
        });
    }

    [Test]
    [VirtualGpuOnly]
    public void A_marked_test_takes_the_virtual_gpu_on_every_machine()
    {
        Assert.Multiple(() =>
        {
            Assert.That(IsVirtualOnly());
            Assert.That(Virtual, Is.Not.Null);
        });
    }

    [Test]
    public void A_freed_tensor_cannot_be_read()
    {
        Tensor tensor = Gpu.Allocate(new Shape(4), MemoryCategory.InputOutput);
        tensor.Storage.Dispose();

        Assert.That(() => tensor.ToArray(), Throws.TypeOf<ObjectDisposedException>());
    }

    [VirtualGpuOnly]
    [Test]
    public void Running_out_of_memory_at_any_allocation_loses_nothing()
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        using var lstm = new Lstm(3, 4);
        // So that what a model takes once is there.
        lstm.Plan(Gpu, 2, 2, Mode.Training).Dispose();
        long taken = Gpu.Memory.CurrentBytes;
        int failed = 0;
        for (int n = 1; ; n++)
        {
            device.FailAllocation(n);
            try
            {
                using Plan plan = lstm.Plan(Gpu, 5, 2, Mode.Training);
                device.FailAllocation(0);
                plan.Forward(new Draw(1).Uniform(5 * 2 * 3), 5, 2);
                Assert.That(plan.Output.ToArray(), Has.None.NaN);
                break;
            }
            catch (DeviceMemoryException e)
            {
                failed++;
                Assert.That(e.Message, Does.Contain("No memory on").And.Contain("wanted"));
                Assert.That(e.Table!.WantedBytes, Is.Positive);
                Assert.That(Gpu.Memory.CurrentBytes, Is.EqualTo(taken));
            }
        }
        Assert.That(failed, Is.GreaterThan(3));
    }

    [Test]
    public void A_step_takes_no_memory_of_device_or_host(
        [Values("tanh", "lstm", "gru")] string kind
    )
    {
        using Layer layer = Models.Recurrent(kind, 3, 8, 2);
        using Plan plan = layer.Plan(
            Gpu,
            6,
            4,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        Tensor x = Gpu.Allocate(new Shape(6, 4, 3), MemoryCategory.InputOutput);
        Tensor dy = Gpu.Allocate(new Shape(6, 4, 8), MemoryCategory.InputOutput);
        x.Write(new Draw(1).Uniform(x.Count));
        dy.Write(new Draw(2).Uniform(dy.Count));
        Step();
        long device = Gpu.Memory.Allocations;

        long managed = Allocated.Least(Step);

        x.Storage.Dispose();
        dy.Storage.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(Gpu.Memory.Allocations, Is.EqualTo(device));
            // The virtual GPU is managed itself.
            if (Virtual is null)
                Assert.That(managed, Is.Zero);
        });

        void Step()
        {
            plan.Forward(x);
            plan.Backward(dy);
            Gpu.Synchronize();
        }
    }

    private DeviceBuffer<float> Upload(params float[] values)
    {
        var buffer = Context.Allocate<float>(values.Length);
        buffer.Span.CopyFrom(values, Stream);
        return buffer;
    }
}
