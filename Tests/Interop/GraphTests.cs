using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Captures that succeed, and captures that do not.</summary>
public sealed class GraphTests : InteropFixture
{
    [Test]
    public void A_captured_stream_is_replayed()
    {
        using var buffer = Upload(1, 2, 3);
        using var target = Context.Allocate<float>(3);
        using CudaGraph graph = CudaGraph.Capture(
            Stream,
            () =>
            {
                target.Span.CopyFrom(buffer, Stream);
                buffer.Span.Clear(Stream);
            }
        );
        Assert.That(graph.NodeCount, Is.EqualTo(2));
        Assert.That(
            graph.NodeTypes(),
            Is.EqualTo(
                new[]
                {
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMCPY,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMSET,
                }
            )
        );
        using CudaGraphExec exec = graph.Instantiate();
        Assert.That(buffer.Span.ToArray(Stream), Is.EqualTo(new float[] { 1, 2, 3 }));
        exec.Upload(Stream);
        exec.Launch(Stream);

        Assert.That(target.Span.ToArray(Stream), Is.EqualTo(new float[] { 1, 2, 3 }));
        exec.Launch(Stream);
        Assert.That(target.Span.ToArray(Stream), Is.All.Zero);
    }

    [Test]
    public void Nodes_that_read_the_host_are_counted()
    {
        using var buffer = Upload(1, 2, 3);
        using var target = Context.Allocate<float>(3);
        using PinnedBuffer<float> pinned = Context.AllocatePinned<float>(3);
        using CudaGraph graph = CudaGraph.Capture(
            Stream,
            () =>
            {
                target.Span.CopyFrom(buffer, Stream);
                target.Span.EnqueueCopyTo(pinned, Stream);
                buffer.Span.Clear(Stream);
            }
        );
        Assert.That(graph.CountHostReads(), Is.Zero);
        using CudaGraph reads = CudaGraph.Capture(
            Stream,
            () =>
            {
                target.Span.CopyFrom(buffer, Stream);
                buffer.Span.EnqueueCopyFrom(pinned, Stream);
            }
        );
        Assert.That(reads.CountHostReads(), Is.EqualTo(1));

        // What the driver does not tell counts as well.
        Gpu.Refuse("cuGraphMemcpyNodeGetParams", (int)CUresult.CUDA_ERROR_INVALID_VALUE, times: 2);
        Assert.That(reads.CountHostReads(), Is.EqualTo(2));
    }

    [Test]
    public void A_graph_takes_over_another_of_the_same_form_and_no_other()
    {
        using var buffer = Context.Allocate<int>(3);
        using CudaGraph first = CudaGraph.Capture(Stream, () => buffer.Span.Fill(1, Stream));
        using CudaGraph second = CudaGraph.Capture(Stream, () => buffer.Span.Fill(2, Stream));
        using CudaGraph longer = CudaGraph.Capture(
            Stream,
            () =>
            {
                buffer.Span.Fill(3, Stream);
                buffer.Span.Fill(4, Stream);
            }
        );
        using CudaGraphExec exec = first.Instantiate();

        Assert.That(exec.TryUpdate(second, out _), Is.True);
        Assert.That(exec.TryUpdate(longer, out CUgraphExecUpdateResult reason), Is.False);
        Assert.That(
            reason,
            Is.EqualTo(CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED)
        );
        exec.Launch(Stream);
        Assert.That(buffer.Span.ToArray(Stream), Is.All.EqualTo(2));
    }

    [Test]
    public void A_call_that_is_not_allowed_ends_the_capture_and_comes_out()
    {
        ExpectFaults();
        var error = Assert.Throws<CudaException>(() =>
            CudaGraph.Capture(Stream, () => Context.Allocate<int>(1).Dispose())
        );

        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED));
        Assert.That(error.Call, Is.EqualTo("cuMemAlloc"));
        // The stream is of use again.
        Stream.Synchronize();
    }

    [Test]
    public void A_spoilt_capture_says_what_spoilt_it()
    {
        ExpectFaults();
        using var capture = CudaCapture.Begin(Stream);
        Assert.Throws<CudaException>(Stream.Synchronize);
        Assert.That(capture.IsActive, Is.False);

        var error = Assert.Throws<CudaException>(() => capture.End());

        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED));
        Assert.That(error.Message, Does.Contain("cuStreamSynchronize gave"));
        Assert.Throws<InvalidOperationException>(() => capture.End());
        Stream.Synchronize();
    }

    [Test]
    public void An_error_of_the_caller_ends_the_capture_and_comes_out()
    {
        using var buffer = Context.Allocate<int>(1);
        Assert.Throws<FormatException>(() =>
            CudaGraph.Capture(
                Stream,
                () =>
                {
                    buffer.Span.Clear(Stream);
                    throw new FormatException();
                }
            )
        );
        Stream.Synchronize();
        using (var capture = CudaCapture.Begin(Stream))
            Assert.That(capture.IsActive, Is.True);
        Stream.Synchronize();
    }

    [Test]
    public void What_is_disposed_in_a_capture_goes_after_it()
    {
        using var keep = Context.Allocate<int>(1);
        var buffer = Context.Allocate<int>(1);
        var other = Context.CreateStream();
        using (
            var capture = CudaCapture.Begin(
                Stream,
                CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
            )
        )
        {
            keep.Span.Clear(Stream);
            buffer.Dispose();
            other.Dispose();
            Assert.That(Calls("cuMemFree") + Calls("cuStreamDestroy"), Is.Zero);
            using CudaGraph graph = capture.End();
            Assert.That(Calls("cuMemFree"), Is.EqualTo(1));
            Assert.That(Calls("cuStreamDestroy"), Is.EqualTo(1));
            Assert.That(graph.NodeCount, Is.EqualTo(1));
        }
    }

    [Test]
    public void The_default_stream_and_a_captured_one_cannot_be_captured()
    {
        using var legacy = CudaStream.Attach(Context, 0);
        Assert.Throws<ArgumentException>(() => CudaCapture.Begin(legacy));
        using var capture = CudaCapture.Begin(Stream);
        ExpectFaults();
        Assert.Throws<CudaException>(() => CudaCapture.Begin(Stream));
    }

    [Test]
    public void A_graph_outlives_the_stream_and_the_exec_the_graph()
    {
        using var buffer = Context.Allocate<int>(2);
        var stream = Context.CreateStream();
        CudaGraph graph = CudaGraph.Capture(stream, () => buffer.Span.Fill(5, stream));
        stream.Dispose();
        CudaGraphExec exec = graph.Instantiate();
        graph.Dispose();
        Assert.Throws<ObjectDisposedException>(() => graph.Instantiate());
        exec.Launch(Stream);
        Assert.That(buffer.Span.ToArray(Stream), Is.All.EqualTo(5));
        exec.Dispose();
        Assert.Throws<ObjectDisposedException>(() => exec.Launch(Stream));
    }

    [Test]
    public void A_capture_is_ended_by_the_thread_that_began_it()
    {
        using var buffer = Context.Allocate<int>(2);
        using var capture = CudaCapture.Begin(Stream);
        buffer.Span.Clear(Stream);
        CudaException? error = null;
        var other = new Thread(() => error = Assert.Throws<CudaException>(() => capture.End()));
        other.Start();
        other.Join();

        Assert.That(error!.Status, Is.EqualTo(CUresult.CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD));
        using CudaGraph graph = capture.End();
        Assert.That(graph.NodeCount, Is.EqualTo(1));
        Gpu.TakeFaults();
    }
}
