using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Contexts: held, attached, current, and used by several threads.</summary>
public sealed class ContextTests : InteropFixture
{
    [Test]
    public void An_attached_context_is_never_released()
    {
        nint handle = Context.Handle.Value;
        long before = Calls("cuDevicePrimaryCtxRelease");
        using (var attached = CudaContext.Attach(handle, Libraries))
        using (var stream = attached.CreateStream())
        using (attached.Allocate<int>(3))
        {
            stream.Synchronize();
            before = Calls("cuDevicePrimaryCtxRelease");
        }

        Assert.That(Calls("cuDevicePrimaryCtxRelease"), Is.EqualTo(before));
        Context.Synchronize();
    }

    [Test]
    public void What_is_no_context_is_refused()
    {
        Assert.Throws<ArgumentException>(() => CudaContext.Attach(0, Libraries));
        ExpectFaults();
        var error = Assert.Throws<ArgumentException>(() => CudaContext.Attach(12345, Libraries));
        Assert.That(error.Message, Does.Contain("0x3039"));
    }

    [Test]
    public void A_call_leaves_the_current_context_as_it_was()
    {
        var theirs = Gpu.CreateContext();
        using (Context.Allocate<int>(1))
            Assert.That(Gpu.CurrentContext, Is.Null);
        using var attached = CudaContext.Attach(theirs.Handle, Libraries);
        using (attached.MakeCurrent())
        {
            Stream.Synchronize();
            Assert.That(Gpu.CurrentContext, Is.SameAs(theirs));
            using (Context.MakeCurrent())
            {
                Assert.That(Gpu.CurrentContext!.Handle, Is.EqualTo(Context.Handle.Value));
                attached.Synchronize();
                Assert.That(Gpu.CurrentContext!.Handle, Is.EqualTo(Context.Handle.Value));
            }
            Assert.That(Gpu.CurrentContext, Is.SameAs(theirs));
        }
        Assert.That(Gpu.CurrentContext, Is.Null);
    }

    [Test]
    public void A_scope_that_ends_twice_leaves_the_context_around_it()
    {
        var theirs = Gpu.CreateContext();
        using var attached = CudaContext.Attach(theirs.Handle, Libraries);
        using (attached.MakeCurrent())
        {
            CudaContextScope scope = Context.MakeCurrent();
            scope.Dispose();
            scope.Dispose();
            Assert.That(Gpu.CurrentContext, Is.SameAs(theirs));
            Stream.Synchronize();
            Assert.That(Gpu.CurrentContext, Is.SameAs(theirs));
        }
        Assert.That(Gpu.CurrentContext, Is.Null);
    }

    [Test]
    public void Calls_within_a_scope_do_not_ask_again()
    {
        using (Context.MakeCurrent())
        {
            Gpu.Counts.Reset();
            for (int i = 0; i < 10; i++)
                Stream.Synchronize();
            Assert.That(Gpu.Counts.Calls.Sum(c => c.Value), Is.EqualTo(10));
        }
        Gpu.Counts.Reset();
        Stream.Synchronize();
        Assert.That(Calls("cuCtxPushCurrent"), Is.EqualTo(1));
        Assert.That(Calls("cuCtxPopCurrent"), Is.EqualTo(1));
    }

    [Test]
    public void A_disposed_context_makes_nothing_more()
    {
        var context = CudaContext.Primary(Libraries.Device());
        context.Dispose();
        context.Dispose();

        Assert.That(context.IsDisposed, Is.True);
        Assert.Throws<ObjectDisposedException>(() => context.MakeCurrent());
        Assert.Throws<ObjectDisposedException>(() => context.CreateStream());
        Assert.Throws<ObjectDisposedException>(() => context.CreateEvent());
        Assert.Throws<ObjectDisposedException>(() => context.Allocate<int>(1));
        Assert.Throws<ObjectDisposedException>(() => context.AllocatePinned<int>(1));
        Assert.Throws<ObjectDisposedException>(() => context.CreateMemoryPool());
        Assert.Throws<ObjectDisposedException>(() => RnnDataDescriptor.Create(context));
    }

    [Test]
    public void Threads_share_a_context_its_memory_and_a_stream()
    {
        const int length = 64;
        using var shared = Context.CreateStream();
        var results = new float[8][];
        var threads = new Thread[results.Length];
        var errors = new System.Collections.Concurrent.ConcurrentBag<Exception>();
        for (int t = 0; t < threads.Length; t++)
        {
            int number = t;
            threads[t] = new Thread(() =>
            {
                try
                {
                    for (int repeat = 0; repeat < 5; repeat++)
                    {
                        using var own = Context.CreateStream();
                        CudaStream stream = number % 2 == 0 ? own : shared;
                        using var buffer = Context.Allocate<float>(length);
                        using var done = Context.CreateEvent();
                        buffer.Span.Fill(number, stream);
                        done.Record(stream);
                        own.Wait(done);
                        results[number] = buffer.Span.ToArray(own);
                    }
                }
                catch (Exception error) when (error is not OutOfMemoryException)
                {
                    errors.Add(error);
                }
            });
            threads[t].Start();
        }
        foreach (Thread thread in threads)
            thread.Join();

        Assert.That(errors, Is.Empty);
        for (int t = 0; t < results.Length; t++)
            Assert.That(results[t], Is.All.EqualTo((float)t));
    }

    [Test]
    public void Memory_of_the_device_is_told()
    {
        (long free, long total) = Context.DeviceMemory;
        using (Context.Allocate<byte>(1 << 20))
            Assert.That(Context.DeviceMemory.Free, Is.LessThanOrEqualTo(free - (1 << 20)));
        Assert.That(total, Is.EqualTo(8L << 30));
    }
}
