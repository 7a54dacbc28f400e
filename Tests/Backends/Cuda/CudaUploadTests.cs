using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Copies to the device, by pinned memory: the host does not wait, and its memory is free at once.</summary>
[TestFixture]
public sealed class CudaUploadTests : CudaFixture
{
    // In floats; a copy may begin and end anywhere in a half.
    private const int Half = CudaUploads.HalfBytes / sizeof(float);

    [Test]
    public void Copies_of_all_sizes_arrive(
        [Values(1, 17, Half - 1, Half, Half + 1, 5 * Half + 3)] int count,
        [Values(0, 100)] int before
    )
    {
        Tensor other = Gpu.Allocate(new Shape(Math.Max(before, 1)), MemoryCategory.InputOutput);
        Tensor to = Gpu.Allocate(new Shape(count), MemoryCategory.InputOutput);
        for (int i = 0; i < before; i++)
            other.Slice(i, 1).Write([i]);
        float[] values = new Draw(1).Uniform(count);
        float[] kept = [.. values];
        to.Write(values);
        // The copy has not run yet, perhaps.
        Array.Clear(values);

        Assert.That(to.ToArray(), Is.EqualTo(kept));
        for (int i = 0; i < before; i++)
            Assert.That(other.Slice(i, 1).ToArray(), Is.EqualTo(new float[] { i }));
        other.Storage.Dispose();
        to.Storage.Dispose();
    }

    // Sequences of the set differ in length: those of one are replayed as graphs, of several run as they are.
    [Test]
    public void Batches_that_come_beside_the_step_train_as_those_copied_in_its_order(
        [Values(1, 4)] int batch
    )
    {
        float[] apart;
        using (var gpu = CudaBackend.Create(0, StagingFixture.Always, Libraries))
            apart = StagingFixture.Trained(gpu, batch);
        using var inOrder = CudaBackend.Create(0, StagingFixture.Never, Libraries);
        Assert.That(apart, Is.EqualTo(StagingFixture.Trained(inOrder, batch)));
    }

    [VirtualGpuOnly]
    [Test]
    public void The_host_waits_only_where_both_halves_are_full()
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        Gpu.Synchronize();
        Tensor to = Gpu.Allocate(new Shape(Half / 2), MemoryCategory.InputOutput);
        float[] values = new float[Half / 2];
        device.Counts.Reset();
        // What the backend copied itself has begun the first half.
        for (int i = 0; i < 3; i++)
            to.Write(values);
        Assert.That(device.Counts.Of("cuEventSynchronize"), Is.EqualTo(1));
        Assert.That(device.Counts.Of("cuStreamSynchronize"), Is.Zero);
        for (int i = 0; i < 4; i++)
            to.Write(values);
        Assert.That(device.Counts.Of("cuEventSynchronize"), Is.EqualTo(3));
        Gpu.Synchronize();
        Assert.That(
            device.Counts.BytesHostToDevice,
            Is.EqualTo(7L * values.Length * sizeof(float))
        );
        Assert.That(device.Counts.HostAllocations, Is.Zero);
        to.Storage.Dispose();
    }

    [VirtualGpuOnly]
    [Test]
    public void No_pinned_memory_is_told_as_the_device_not_being_available()
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        device.FailAllocation(1);
        var error = Assert.Throws<DeviceUnavailableException>(() =>
            CudaBackend.Create(0, null, Libraries).Dispose()
        );
        Assert.That(error.Message, Does.Contain("pinned host memory"));
        device.FailAllocation(0);
    }
}
