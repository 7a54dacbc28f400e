using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Streams and events.</summary>
public sealed class StreamTests : InteropFixture
{
    [Test]
    public void A_priority_is_one_that_the_device_has()
    {
        (int least, int greatest) = Context.StreamPriorities;
        using var first = CudaStream.Create(Context, priority: greatest);

        Assert.That(first.Priority, Is.EqualTo(greatest));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() =>
            CudaStream.Create(Context, priority: greatest - 1)
        );
        Assert.That(error.Message, Does.Contain($"{greatest} (first) to {least}"));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            CudaStream.Create(Context, priority: least + 1)
        );
    }

    [Test]
    public void An_attached_stream_is_never_destroyed()
    {
        long before = Calls("cuStreamDestroy");
        using (var attached = CudaStream.Attach(Context, Stream.Handle.Value))
            attached.Synchronize();
        using (var legacy = CudaStream.Attach(Context, 0))
            legacy.Synchronize();

        Assert.That(Calls("cuStreamDestroy"), Is.EqualTo(before));
        Stream.Synchronize();
    }

    [Test]
    public void A_stream_of_another_context_is_refused()
    {
        var theirs = Gpu.CreateContext();
        using var attached = CudaContext.Attach(theirs.Handle, Libraries);
        using var other = CudaStream.Create(attached);
        using var buffer = DeviceBuffer<float>.Allocate(Context, 4);
        using var mark = CudaEvent.Create(Context);

        Assert.Throws<ArgumentException>(() => CudaStream.Attach(Context, other.Handle.Value));
        var error = Assert.Throws<ArgumentException>(() => buffer.Span.Clear(other));
        Assert.That(error.Message, Does.Contain("another context"));
        Assert.Throws<ArgumentException>(() => mark.Record(other));
    }

    [Test]
    public void What_is_no_stream_is_refused()
    {
        ExpectFaults();
        Assert.Throws<ArgumentException>(() => CudaStream.Attach(Context, 4711));
    }

    [Test]
    public void A_stream_waits_for_an_event_of_another()
    {
        using var first = CudaStream.Create(Context);
        using var second = CudaStream.Create(Context);
        using var done = CudaEvent.Create(Context);
        using var buffer = DeviceBuffer<int>.Allocate(Context, 1000);
        for (int i = 1; i <= 20; i++)
        {
            buffer.Span.Fill(i, first);
            done.Record(first);
            second.Wait(done);
            Assert.That(buffer.Span.ToArray(second), Is.All.EqualTo(i));
        }
        Assert.That(first.IsIdle, Is.True);
        Assert.That(done.IsDone, Is.True);
    }

    [Test]
    public void Time_is_taken_between_events_that_take_it()
    {
        using var start = CudaEvent.Create(Context, timing: true, blocking: true);
        using var end = CudaEvent.Create(Context, timing: true);
        using var untimed = CudaEvent.Create(Context);

        Assert.Throws<InvalidOperationException>(() => end.MillisecondsSince(start));
        start.Record(Stream);
        end.Record(Stream);
        untimed.Record(Stream);
        Assert.That(end.MillisecondsSince(start), Is.Not.Negative);
        Assert.Throws<InvalidOperationException>(() => end.MillisecondsSince(untimed));
        Assert.Throws<InvalidOperationException>(() => untimed.MillisecondsSince(start));
        untimed.Synchronize();
    }

    [Test]
    public void A_disposed_stream_or_event_is_refused()
    {
        var stream = CudaStream.Create(Context);
        var mark = CudaEvent.Create(Context);
        stream.Dispose();
        using var buffer = DeviceBuffer<int>.Allocate(Context, 1);

        Assert.Throws<ObjectDisposedException>(stream.Synchronize);
        Assert.Throws<ObjectDisposedException>(() => mark.Record(stream));
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Clear(stream));
        mark.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Stream.Wait(mark));
        Assert.Throws<ObjectDisposedException>(mark.Synchronize);
    }

    [Test]
    public void An_error_of_earlier_work_comes_from_a_later_call_and_says_that_the_context_is_lost()
    {
        ExpectFaults();
        ExpectPendingError();
        ForgiveLeaks();
        Gpu.Poison(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);

        var error = Assert.Throws<CudaException>(Stream.Synchronize);

        Assert.That(error.IsContextLost, Is.True);
        Assert.That(error.Message, Does.Contain("The context is lost"));
    }
}
