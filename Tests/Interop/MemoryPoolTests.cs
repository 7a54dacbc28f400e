using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Memory in stream order.</summary>
public sealed class MemoryPoolTests : InteropFixture
{
    [Test]
    public void A_pool_counts_what_is_taken_and_what_it_holds()
    {
        using var pool = Context.CreateMemoryPool();
        var first = pool.Allocate<float>(1000, Stream, "activations");
        first.Span.Fill(1, Stream);
        Assert.That(first.Span.ToArray(Stream), Is.All.EqualTo(1f));
        Assert.That(Context.Ledger.Current("activations"), Is.EqualTo(4000));
        Assert.That(pool.UsedBytes, Is.GreaterThanOrEqualTo(4000));
        Assert.That(pool.ReservedBytes, Is.GreaterThanOrEqualTo(pool.UsedBytes));
        first.Dispose();
        Stream.Synchronize();

        Assert.That(Context.Ledger.CurrentBytes, Is.Zero);
        Assert.That(pool.UsedBytes, Is.Zero);
        Assert.That(pool.PeakUsedBytes, Is.GreaterThanOrEqualTo(4000));
        // All of it is kept for the next step, until it is trimmed.
        Assert.That(pool.ReservedBytes, Is.GreaterThanOrEqualTo(4000));
        pool.Trim();
        Assert.That(pool.ReservedBytes, Is.Zero);
        pool.ResetPeak();
        Assert.That(pool.PeakUsedBytes, Is.Zero);
        Assert.That(pool.PeakReservedBytes, Is.Zero);
        Assert.That(Calls("cuMemAlloc"), Is.Zero);
    }

    [Test]
    public void A_pool_goes_before_or_after_what_is_taken_from_it()
    {
        var pool = Context.CreateMemoryPool();
        var stream = Context.CreateStream();
        var buffer = pool.Allocate<int>(4, stream);
        pool.Dispose();
        stream.Dispose();

        Assert.Throws<ObjectDisposedException>(() => pool.Allocate<int>(1, Stream));
        Assert.Throws<ObjectDisposedException>(() => _ = pool.Handle);
        buffer.Dispose();
        Assert.That(Calls("cuStreamDestroy"), Is.EqualTo(1));
        Assert.That(Calls("cuMemPoolDestroy"), Is.EqualTo(1));
    }

    [Test]
    public void The_devices_own_pool_is_not_destroyed()
    {
        using (var pool = Context.DefaultMemoryPool())
        using (pool.Allocate<int>(4, Stream))
            Assert.That(pool.UsedBytes, Is.Positive);

        Assert.That(Calls("cuMemPoolDestroy"), Is.Zero);
    }

    [Test]
    public void A_pool_that_cannot_be_set_up_is_given_back()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Context.CreateMemoryPool(-1));
        Gpu.Refuse("cuMemPoolSetAttribute", (int)CUresult.CUDA_ERROR_INVALID_VALUE);
        var error = Assert.Throws<CudaException>(() => Context.CreateMemoryPool());
        Assert.That(error.Call, Is.EqualTo("cuMemPoolSetAttribute"));
        Assert.That(Calls("cuMemPoolDestroy"), Is.EqualTo(1));
    }

    [Test]
    public void A_stream_gives_memory_of_the_devices_pool_without_waiting()
    {
        long waits = Gpu.Counts.Waits;
        DeviceBuffer<float> buffer = Stream.Allocate<float>(1000, "activations");
        buffer.Span.Fill(2, Stream);
        Assert.That(Context.Ledger.Current("activations"), Is.EqualTo(4000));
        Assert.That(Gpu.Counts.Waits, Is.EqualTo(waits));
        Assert.That(buffer.Span.ToArray(Stream), Is.All.EqualTo(2f));
        waits = Gpu.Counts.Waits;
        buffer.Dispose();

        Assert.That(Gpu.Counts.Waits, Is.EqualTo(waits));
        Assert.That(Context.Ledger.CurrentBytes, Is.Zero);
        Assert.That(Calls("cuMemFreeAsync"), Is.EqualTo(1));
        Assert.That((Calls("cuMemAlloc"), Calls("cuMemFree")), Is.EqualTo((0, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Stream.Allocate<float>(0));
    }
}
