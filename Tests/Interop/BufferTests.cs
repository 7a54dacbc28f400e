using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Device and pinned memory: copies, slices, callers' pointers.</summary>
public sealed class BufferTests : InteropFixture
{
    [Test]
    public void What_is_copied_there_comes_back()
    {
        using var buffer = Upload(1, 2, 3, 4, 5);
        using var other = Context.Allocate<float>(3);
        other.Span.CopyFrom(buffer.Slice(1, 3), Stream);

        Assert.That(buffer.Span.ToArray(Stream), Is.EqualTo(new float[] { 1, 2, 3, 4, 5 }));
        Assert.That(other.Span.ToArray(Stream), Is.EqualTo(new float[] { 2, 3, 4 }));
        Assert.That(buffer.Slice(4).ToArray(Stream), Is.EqualTo(new float[] { 5 }));
        Assert.That(buffer.ByteCount, Is.EqualTo(20));
        Assert.That(buffer.Handle.Value % 256, Is.Zero);
    }

    [Test]
    public void Pinned_memory_is_copied_in_stream_order()
    {
        using var pinned = Context.AllocatePinned<int>(10, writeCombined: true);
        using var back = Context.AllocatePinned<int>(6);
        using var buffer = Context.Allocate<int>(4);
        for (int i = 0; i < 10; i++)
            pinned.Span[i] = i;
        back.Span.Clear();
        buffer.Span.EnqueueCopyFrom(pinned, Stream, start: 3);
        buffer.Span.EnqueueCopyTo(back, Stream, start: 1);
        Stream.Synchronize();

        Assert.That(back.Span.ToArray(), Is.EqualTo(new[] { 0, 3, 4, 5, 6, 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            buffer.Span.EnqueueCopyFrom(pinned, Stream, start: 7)
        );
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            buffer.Span.EnqueueCopyTo(back, Stream, start: -1)
        );
        pinned.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _ = pinned.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.EnqueueCopyFrom(pinned, Stream));
    }

    [Test]
    public void Elements_of_1_2_and_4_bytes_can_be_filled()
    {
        using var bytes = Context.Allocate<byte>(8);
        bytes.Span.Fill(7, Stream);
        Assert.That(bytes.Span.ToArray(Stream), Is.All.EqualTo((byte)7));
        DeviceSpan<Half> halves = bytes.Span.Cast<Half>();
        halves.Fill((Half)1.5f, Stream);
        Assert.That(halves.ToArray(Stream), Is.EqualTo(Enumerable.Repeat((Half)1.5f, 4)));
        DeviceSpan<float> floats = bytes.Span.Cast<float>();
        floats.Fill(-2.5f, Stream);
        Assert.That(floats.ToArray(Stream), Is.EqualTo(new[] { -2.5f, -2.5f }));
        bytes.Span.Clear(Stream);
        Assert.That(bytes.Span.ToArray(Stream), Is.All.Zero);
        Assert.Throws<NotSupportedException>(() => bytes.Span.Cast<double>().Fill(1, Stream));
        Assert.Throws<ArgumentException>(() => bytes.Slice(0, 3).Cast<short>());
        Assert.Throws<ArgumentException>(() => bytes.Slice(1, 4).Cast<float>());
    }

    [Test]
    public void Slices_and_copies_are_held_to_their_sizes()
    {
        using var buffer = Upload(1, 2, 3);

        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(long.MaxValue, 1));
        Assert.That(buffer.Slice(3).IsEmpty, Is.True);
        var error = Assert.Throws<ArgumentException>(() =>
            buffer.Span.CopyFrom(new float[4], Stream)
        );
        Assert.That(error.Message, Does.Contain("3 elements here and 4 there"));
        Assert.Throws<ArgumentException>(() => buffer.Span.CopyTo(new float[2], Stream));
        Assert.Throws<ArgumentException>(() => buffer.Slice(1).CopyFrom(buffer.Span, Stream));
        Assert.Throws<ArgumentOutOfRangeException>(() => Context.Allocate<int>(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Context.Allocate<int>(long.MaxValue / 2));
    }

    [Test]
    public void A_disposed_buffer_is_refused()
    {
        DeviceBuffer<float> buffer = Upload(1, 2);
        DeviceSpan<float> span = buffer.Slice(1);
        buffer.Dispose();
        buffer.Dispose();

        Assert.Throws<ObjectDisposedException>(() => span.Clear(Stream));
        Assert.Throws<ObjectDisposedException>(() => span.ToArray(Stream));
        Assert.Throws<ObjectDisposedException>(() => _ = buffer.Handle);
        Assert.Throws<ObjectDisposedException>(() => span.ToKernelArgument());
    }

    [Test]
    public void A_callers_memory_is_used_and_never_freed()
    {
        using var theirs = Upload(1, 2, 3, 4);
        nint address = (nint)theirs.Handle.Value;
        long before = Calls("cuMemFree");
        using (var wrapped = DeviceBuffer<float>.Wrap(Context, address + 4, 3))
        {
            Assert.That(wrapped.IsForeign, Is.True);
            Assert.That(wrapped.Span.ToArray(Stream), Is.EqualTo(new float[] { 2, 3, 4 }));
            wrapped.Span.Fill(9, Stream);
        }

        Assert.That(Calls("cuMemFree"), Is.EqualTo(before));
        Assert.That(theirs.Span.ToArray(Stream), Is.EqualTo(new float[] { 1, 9, 9, 9 }));
    }

    [Test]
    public void A_callers_address_is_checked()
    {
        using var theirs = Upload(1, 2, 3, 4);
        using var pinned = Context.AllocatePinned<float>(4);
        nint address = (nint)theirs.Handle.Value;

        Refused(0, 1, "null");
        Refused(address + 2, 1, "multiple of 4");
        Refused(address, 5, "20 bytes");
        Refused(address + 8, 3, "8 to its end");
        Refused(pinned.Handle, 4, "host memory");
        Refused(64, 1, "not one that CUDA knows");
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            DeviceBuffer<float>.Wrap(Context, address, 0)
        );

        void Refused(nint at, long length, string why)
        {
            var error = Assert.Throws<ArgumentException>(() =>
                DeviceBuffer<float>.Wrap(Context, at, length)
            );
            Assert.That(error.Message, Does.Contain(why));
        }
    }

    [Test]
    public void Memory_of_another_context_is_refused()
    {
        var theirs = Gpu.CreateContext();
        using var attached = CudaContext.Attach(theirs.Handle, Libraries);
        using var other = attached.Allocate<float>(4);
        using var ours = Context.Allocate<float>(4);

        var error = Assert.Throws<ArgumentException>(() =>
            DeviceBuffer<float>.Wrap(Context, (nint)other.Handle.Value, 4)
        );
        Assert.That(error.Message, Does.Contain("another context"));
        Assert.Throws<ArgumentException>(() => ours.Span.CopyFrom(other, Stream));
        Assert.Throws<ArgumentException>(() => other.Span.Clear(Stream));
        Assert.Throws<ArgumentException>(() =>
            CuBlasHandle.Create(Stream, other.Span.Cast<byte>())
        );
    }

    [Test]
    public void The_ledger_counts_by_category_and_keeps_the_peak()
    {
        DeviceMemoryLedger ledger = Context.Ledger;
        var weights = Context.Allocate<float>(10, "weights");
        var scratch = Context.Allocate<byte>(7, "scratch");
        scratch.Dispose();
        var more = Context.Allocate<float>(1, "weights");

        Assert.That(ledger.Current("weights"), Is.EqualTo(44));
        Assert.That(ledger.Current("scratch"), Is.Zero);
        Assert.That(ledger.CurrentBytes, Is.EqualTo(44));
        Assert.That(ledger.PeakBytes, Is.EqualTo(47));
        Assert.That(ledger.AtPeak("scratch"), Is.EqualTo(7));
        Assert.That(ledger.Allocations, Is.EqualTo(3));
        Assert.That(ledger.Categories, Is.EqualTo(new[] { "scratch", "weights" }));
        Assert.That(ledger.ToString(), Is.EqualTo("weights 44"));
        Assert.That(Gpu.Counts.LiveBytes, Is.EqualTo(44));
        ledger.ResetPeak();
        Assert.That(ledger.PeakBytes, Is.EqualTo(44));
        Assert.That(ledger.AtPeak("scratch"), Is.Zero);
        weights.Dispose();
        more.Dispose();
        Assert.That(ledger.PeakBytes, Is.EqualTo(44));
        Assert.That(ledger.Current("nothing"), Is.Zero);
    }

    [Test]
    public void An_allocation_that_fails_says_how_much_there_is()
    {
        using var taken = Context.Allocate<float>(10, "weights");

        var error = Assert.Throws<CudaException>(() =>
            Context.Allocate<byte>(9L << 30, "activations")
        );

        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_OUT_OF_MEMORY));
        Assert.That(error.Message, Does.Contain($"{9L << 30} bytes for activations"));
        Assert.That(error.Message, Does.Contain($"of {8L << 30} bytes are free"));
        Assert.That(error.Message, Does.Contain("taken here are weights 40"));
        Assert.That(Context.Ledger.CurrentBytes, Is.EqualTo(40));
    }
}
