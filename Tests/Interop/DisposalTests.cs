using System.Runtime.CompilerServices;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Disposal in any order, in no order, too late, and with errors.</summary>
public sealed class DisposalTests : InteropFixture
{
    [Test]
    public void Any_order_of_disposal_gives_everything_back([Range(1, 20)] int seed)
    {
        List<IDisposable> made = Everything(CudaContext.Primary(Libraries.Device()));
        IDisposable[] order = [.. made];
        new Random(seed).Shuffle(order);
        foreach (IDisposable item in order)
            item.Dispose();

        Stream.Synchronize();
        Assert.That(Gpu.PrimaryHolds, Is.EqualTo(1));
    }

    [Test]
    public void A_second_disposal_gives_nothing_back()
    {
        List<IDisposable> made = Everything(CudaContext.Primary(Libraries.Device()));
        CudaCapture capture = CudaCapture.Begin(Stream);
        capture.Dispose();
        made.Add(capture);
        foreach (IDisposable item in made)
            item.Dispose();
        Stream.Synchronize();
        Gpu.Counts.Reset();
        // Another one, which the old scope must not end.
        using CudaCapture next = CudaCapture.Begin(Stream);

        foreach (IDisposable item in made)
            item.Dispose();

        Assert.That(next.IsActive);
        Assert.That(Gpu.PrimaryHolds, Is.EqualTo(1));
        Assert.That(
            Gpu.Counts.Calls.Keys.Where(call =>
                call.Contains("Free", StringComparison.Ordinal)
                || call.Contains("Destroy", StringComparison.Ordinal)
                || call.Contains("Release", StringComparison.Ordinal)
            ),
            Is.Empty
        );
    }

    [Test]
    public void What_is_made_from_a_disposed_context_goes_on_working()
    {
        var context = CudaContext.Primary(Libraries.Device());
        using var stream = context.CreateStream();
        using var buffer = context.Allocate<int>(3);
        context.Dispose();

        Assert.That(Gpu.PrimaryHolds, Is.EqualTo(2));
        buffer.Span.Fill(3, stream);
        Assert.That(buffer.Span.ToArray(stream), Is.All.EqualTo(3));
    }

    [Test]
    public void What_is_forgotten_is_given_back_by_the_next_call()
    {
        Forget(Context);
        Collect();
        Assert.That(Calls("cuMemFree"), Is.Zero);

        Stream.Synchronize();

        Assert.That(Calls("cuMemFree"), Is.EqualTo(1));
        Assert.That(Calls("cuStreamDestroy"), Is.EqualTo(1));
        Assert.That(Context.Ledger.CurrentBytes, Is.Zero);
    }

    [Test]
    public void What_is_forgotten_with_its_context_is_given_back_by_the_collector()
    {
        ForgetAll();
        Collect();

        Assert.That(Calls("cuMemFree"), Is.Positive);
        Assert.That(Gpu.PrimaryHolds, Is.EqualTo(1));
    }

    [Test]
    public void What_is_forgotten_in_a_capture_does_not_spoil_it()
    {
        using var buffer = Context.Allocate<int>(1);
        using var capture = CudaCapture.Begin(
            Stream,
            CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
        );
        Forget(Context, capturing: true);
        Collect();
        buffer.Span.Clear(Stream);
        using CudaGraph graph = capture.End();

        Assert.That(graph.NodeCount, Is.EqualTo(1));
    }

    [Test]
    public unsafe void What_is_disposed_while_other_code_captures_goes_and_spoils_nothing(
        [Values(
            CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL,
            CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        )]
            CUstreamCaptureMode mode,
        [Values] bool onAnotherThread
    )
    {
        var buffer = Context.Allocate<int>(4);
        var mark = Context.CreateEvent();
        var stream = Context.CreateStream();
        using var theirs = Context.CreateStream();
        CudaDriver driver = Libraries.Driver;
        CUresult begun = default;
        CUresult ended = default;
        using var disposed = new ManualResetEventSlim();
        using var capturing = new ManualResetEventSlim();
        var other = new Thread(() => Capture(disposed.Wait));
        if (onAnotherThread)
        {
            other.Start();
            capturing.Wait();
            try
            {
                Dispose();
            }
            finally
            {
                disposed.Set();
                other.Join();
            }
        }
        else
            Capture(Dispose);

        Assert.That((begun, ended), Is.EqualTo((CUresult.CUDA_SUCCESS, CUresult.CUDA_SUCCESS)));

        // By the driver alone, so that nothing of ours knows of it.
        void Capture(Action inside)
        {
            using CudaContextScope scope = Context.MakeCurrent();
            CUgraph graph;
            begun = driver.cuStreamBeginCapture(theirs.Handle, mode);
            capturing.Set();
            inside();
            ended = driver.cuStreamEndCapture(theirs.Handle, &graph);
            driver.cuGraphDestroy(graph);
        }

        void Dispose()
        {
            Gpu.Counts.Reset();
            buffer.Dispose();
            mark.Dispose();
            stream.Dispose();
            Assert.That(Context.PendingError, Is.Null);
            Assert.That(
                (Calls("cuMemFree"), Calls("cuEventDestroy"), Calls("cuStreamDestroy")),
                Is.EqualTo((1, 1, 1))
            );
            // The thread's own mode is what it was.
            CUstreamCaptureMode now = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL;
            driver.cuThreadExchangeStreamCaptureMode(&now);
            Assert.That(now, Is.EqualTo(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL));
        }
    }

    [Test]
    public void An_error_of_a_release_is_raised_by_the_next_call_once()
    {
        var buffer = Context.Allocate<int>(1);
        Gpu.Refuse("cuMemFree", (int)CUresult.CUDA_ERROR_UNKNOWN, times: 1);
        nint address = (nint)buffer.Handle.Value;
        buffer.Dispose();

        Assert.That(Context.PendingError, Is.TypeOf<CudaException>());
        var error = Assert.Throws<CudaException>(Stream.Synchronize);
        Assert.That(error.Call, Is.EqualTo("cuMemFree"));
        Assert.That(error.Message, Does.Contain("in an earlier release"));
        Assert.That(Context.PendingError, Is.Null);
        Stream.Synchronize();
        // So that the byte that could not be freed is not a leak of this test's.
        unsafe
        {
            using (Context.MakeCurrent())
                Libraries.Driver.cuMemFree(new((ulong)address));
        }
    }

    [Test]
    public void A_release_after_a_callers_context_has_gone_does_nothing()
    {
        var theirs = Gpu.CreateContext();
        var attached = CudaContext.Attach(theirs.Handle, Libraries);
        List<IDisposable> made = Everything(attached);
        theirs.Destroy();
        Gpu.Counts.Reset();
        foreach (IDisposable item in made)
            item.Dispose();

        Assert.That(
            Gpu.Counts.Calls.Keys,
            Is.SubsetOf(new[] { "cuCtxPushCurrent", "cuCtxPopCurrent" })
        );
        Assert.That(attached.PendingError, Is.Null);
        Assert.That(attached.Ledger.CurrentBytes, Is.Zero);
        ForgiveLeaks();
    }

    [Test]
    public unsafe void A_release_after_the_primary_context_has_gone_does_nothing()
    {
        CudaDriver driver = Libraries.Driver;
        nint handle = Context.Handle.Value;
        var attached = CudaContext.Attach(handle, Libraries);
        List<IDisposable> made = Everything(attached);
        Stream.Dispose();
        Context.Dispose();
        Assert.That(Gpu.PrimaryHolds, Is.Zero);
        Gpu.Counts.Reset();
        foreach (IDisposable item in made)
            item.Dispose();

        Assert.That(Gpu.Counts.Calls.Keys, Is.EqualTo(new[] { "cuDevicePrimaryCtxGetState" }));
        ForgiveLeaks();
    }

    private static List<IDisposable> Everything(CudaContext context)
    {
        var stream = context.CreateStream();
        var pool = context.CreateMemoryPool();
        var buffer = context.Allocate<int>(4);
        var pooled = pool.Allocate<int>(4, stream);
        pooled.Span.Fill(1, stream);
        CudaGraph graph = CudaGraph.Capture(stream, () => buffer.Span.Clear(stream));
        CudaGraphExec exec = graph.Instantiate();
        exec.Launch(stream);
        var mark = context.CreateEvent();
        mark.Record(stream);
        return
        [
            context,
            stream,
            pool,
            buffer,
            pooled,
            graph,
            exec,
            mark,
            context.AllocatePinned<int>(4),
            DeviceBuffer<int>.Wrap(context, (nint)buffer.Handle.Value, 4),
        ];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(CudaContext context, bool capturing = false)
    {
        if (capturing)
            _ = context.CreateEvent();
        else
        {
            _ = context.Allocate<int>(4);
            _ = context.CreateStream();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ForgetAll() => Everything(CudaContext.Primary(Libraries.Device()));

    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
