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
        using var first = Context.CreateStream(priority: greatest);

        Assert.That(first.Priority, Is.EqualTo(greatest));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() =>
            Context.CreateStream(priority: greatest - 1)
        );
        Assert.That(error.Message, Does.Contain($"{greatest} (first) to {least}"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Context.CreateStream(priority: least + 1));
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
        using var other = attached.CreateStream();
        using var buffer = Context.Allocate<float>(4);
        using var mark = Context.CreateEvent();

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
        using var first = Context.CreateStream();
        using var second = Context.CreateStream();
        using var done = Context.CreateEvent();
        using var buffer = Context.Allocate<int>(1000);
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
        using var start = Context.CreateEvent(timing: true, blocking: true);
        using var end = Context.CreateEvent(timing: true);
        using var untimed = Context.CreateEvent();

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
        var stream = Context.CreateStream();
        var mark = Context.CreateEvent();
        stream.Dispose();
        using var buffer = Context.Allocate<int>(1);

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

    [Test]
    public async Task Waiting_for_work_ends_with_it()
    {
        using var buffer = Context.Allocate<int>(1000);
        using var host = Context.AllocatePinned<int>(1000);
        buffer.Span.Fill(7, Stream);
        buffer.Span.EnqueueCopyTo(host, Stream);

        await Stream.WaitAsync();

        Assert.That(host.Span.ToArray(), Is.All.EqualTo(7));
        Assert.That(Calls("cuStreamSynchronize"), Is.Zero);
        Assert.That(Calls("cuEventDestroy"), Is.EqualTo(Calls("cuEventCreate")));
    }

    [Test]
    public void Cancelled_waiting_leaves_the_work()
    {
        using var buffer = Context.Allocate<int>(10);
        buffer.Span.Fill(7, Stream);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Task waiting = Stream.WaitAsync(cancelled.Token);
        Assert.That(waiting.IsCanceled);

        Assert.That(buffer.Span.ToArray(Stream), Is.All.EqualTo(7));
    }

    [Test]
    public async Task Waiting_for_work_that_fails_fails()
    {
        Gpu.Refuse("cuEventSynchronize", (int)CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, times: 1);
        CudaException? error = null;
        try
        {
            await Stream.WaitAsync();
        }
        catch (CudaException e)
        {
            error = e;
        }
        Assert.That(error?.Message, Does.Contain("CUDA_ERROR_ILLEGAL_ADDRESS"));
        ForgiveLeaks();
        ExpectPendingError();
    }

    [Test]
    public void A_captured_stream_is_not_waited_for()
    {
        using (CudaCapture.Begin(Stream))
            Assert.Throws<InvalidOperationException>(() => _ = Stream.WaitAsync());
    }

    [Test]
    public async Task An_array_is_read_as_it_was_when_asked_for()
    {
        using var buffer = Context.Allocate<int>(3);
        buffer.Span.CopyFrom([1, 2, 3], Stream);

        Task<int[]> read = buffer.Span.ToArrayAsync(Stream);
        buffer.Span.Fill(9, Stream);

        Assert.That(await read, Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(await default(DeviceSpan<int>).ToArrayAsync(Stream), Is.Empty);
    }

    [Test]
    public void A_stream_has_a_number_of_its_own()
    {
        using var other = Context.CreateStream();
        using var attached = CudaStream.Attach(Context, Stream.Handle.Value);

        Assert.That(Stream.Id, Is.Not.EqualTo(other.Id));
        Assert.That(attached.Id, Is.EqualTo(Stream.Id), "of the stream, and not of the object");
        other.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _ = other.Id);
    }
}
