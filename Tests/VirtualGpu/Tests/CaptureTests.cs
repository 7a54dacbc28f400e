using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;
using static Sequor.Native.CUstreamCaptureMode;

namespace Sequor.VirtualGpu.Tests;

/// <summary>What a capture forbids, and what each violation returns.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class CaptureTests
{
    internal static CUstreamCaptureStatus Status(Rig rig, CUstream stream)
    {
        CUstreamCaptureStatus status;
        Rig.Ok(rig.Driver.cuStreamIsCapturing(stream, &status));
        return status;
    }

    /// <summary>The capture of a stream is spoilt, and its end says so.</summary>
    private static void IsSpoilt(Rig rig, CUstream stream)
    {
        rig.Found(FaultKind.Capture);
        Assert.That(
            Status(rig, stream),
            Is.EqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_INVALIDATED)
        );
        CUevent mark = rig.Event();
        Rig.Gives(rig.Driver.cuEventRecord(mark, stream), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        Rig.Ok(rig.Driver.cuEventDestroy(mark));
        CUgraph graph;
        Rig.Gives(
            rig.Driver.cuStreamEndCapture(stream, &graph),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
        );
        Assert.That(graph, Is.EqualTo(default(CUgraph)));
        Assert.That(
            Status(rig, stream),
            Is.EqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE)
        );
    }

    private static readonly Dictionary<
        string,
        (Func<Rig, CUstream, CUresult> Call, CUresult Status)
    > s_violations = new()
    {
        ["synchronise"] = (
            (rig, stream) => rig.Driver.cuStreamSynchronize(stream),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        ),
        ["query"] = (
            (rig, stream) => rig.Driver.cuStreamQuery(stream),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        ),
        ["synchronise the context"] = (
            (rig, _) => rig.Driver.cuCtxSynchronize(),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        ),
        ["allocate"] = (
            (rig, _) =>
            {
                CUdeviceptr memory;
                return rig.Driver.cuMemAlloc(&memory, 4);
            },
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        ),
        ["pin"] = (
            (rig, _) =>
            {
                void* memory;
                return rig.Driver.cuMemHostAlloc(&memory, 4, 0);
            },
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        ),
        ["default stream"] = (
            (rig, _) =>
            {
                CUevent mark = rig.Event();
                CUresult result = rig.Driver.cuEventRecord(mark, default);
                Rig.Ok(rig.Driver.cuEventDestroy(mark));
                return result;
            },
            CUDA_ERROR_STREAM_CAPTURE_IMPLICIT
        ),
        ["blocking copy"] = (
            (rig, _) =>
            {
                float value;
                return rig.Driver.cuMemcpyDtoH(&value, new CUdeviceptr(1), 4);
            },
            CUDA_ERROR_STREAM_CAPTURE_IMPLICIT
        ),
        ["blocking copy to the device"] = (
            (rig, _) =>
            {
                float value = 1;
                return rig.Driver.cuMemcpyHtoD(new CUdeviceptr(1), &value, 4);
            },
            CUDA_ERROR_STREAM_CAPTURE_IMPLICIT
        ),
        ["blocking fill"] = (
            (rig, _) => rig.Driver.cuMemsetD8(new CUdeviceptr(1), 1, 4),
            CUDA_ERROR_STREAM_CAPTURE_IMPLICIT
        ),
        ["set a limit"] = (
            (rig, _) => rig.Driver.cuCtxSetLimit(CUlimit.CU_LIMIT_MALLOC_HEAP_SIZE, 8 << 20),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        ),
        ["event of outside"] = (
            (rig, stream) =>
            {
                CUstream other = rig.Stream();
                CUevent mark = rig.Event();
                Rig.Ok(rig.Driver.cuEventRecord(mark, other));
                CUresult result = rig.Driver.cuStreamWaitEvent(stream, mark, 0);
                Rig.Ok(rig.Driver.cuEventDestroy(mark));
                Rig.Ok(rig.Driver.cuStreamDestroy(other));
                return result;
            },
            CUDA_ERROR_STREAM_CAPTURE_ISOLATION
        ),
        ["captured event"] = (
            (rig, stream) =>
            {
                CUevent mark = rig.Event();
                Rig.Ok(rig.Driver.cuEventRecord(mark, stream));
                CUresult result = rig.Driver.cuEventSynchronize(mark);
                Rig.Ok(rig.Driver.cuEventDestroy(mark));
                return result;
            },
            CUDA_ERROR_CAPTURED_EVENT
        ),
    };

    public static IEnumerable<string> Violations => s_violations.Keys;

    [TestCaseSource(nameof(Violations))]
    public void A_call_that_is_not_allowed_spoils_the_capture(string name)
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream(CUstream_flags.CU_STREAM_DEFAULT);
        Rig.Ok(rig.Driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        (Func<Rig, CUstream, CUresult> call, CUresult status) = s_violations[name];
        Rig.Gives(call(rig, stream), status);
        IsSpoilt(rig, stream);
        Rig.Ok(rig.Driver.cuStreamDestroy(stream));
        rig.Finish();
    }

    [Test]
    public void A_copy_that_reads_the_device_is_held_to_be_unsafe()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUdeviceptr memory = rig.Filled(1);
        float value;
        Rig.Ok(rig.Driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        Rig.Gives(
            rig.Driver.cuMemcpyDtoH(&value, memory, 4),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        );
        IsSpoilt(rig, stream);
    }

    [TestCase(CU_STREAM_CAPTURE_MODE_GLOBAL, false, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [TestCase(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, false, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [TestCase(CU_STREAM_CAPTURE_MODE_RELAXED, false, CUDA_SUCCESS)]
    [TestCase(CU_STREAM_CAPTURE_MODE_GLOBAL, true, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [TestCase(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, true, CUDA_SUCCESS)]
    [TestCase(CU_STREAM_CAPTURE_MODE_RELAXED, true, CUDA_SUCCESS)]
    public void The_mode_says_whose_allocations_spoil_it(
        CUstreamCaptureMode mode,
        bool otherThread,
        CUresult expected
    )
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        Rig.Ok(rig.Driver.cuStreamBeginCapture(stream, mode));
        CUresult result = default;
        void Allocate()
        {
            CUdeviceptr memory;
            Rig.Ok(rig.Driver.cuCtxSetCurrent(rig.Context));
            result = rig.Driver.cuMemAlloc(&memory, 4);
            if (result == CUDA_SUCCESS)
                Rig.Ok(rig.Driver.cuMemFree(memory));
        }
        if (otherThread)
        {
            var thread = new Thread(Allocate);
            thread.Start();
            thread.Join();
        }
        else
        {
            Allocate();
        }
        Rig.Gives(result, expected);
        CUgraph graph;
        Rig.Gives(
            rig.Driver.cuStreamEndCapture(stream, &graph),
            expected == CUDA_SUCCESS ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
        );
        Assert.That(rig.Device.TakeFaults(), Has.Count.EqualTo(expected == CUDA_SUCCESS ? 0 : 1));
    }

    [Test]
    public void A_thread_can_relax_its_own_mode()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
        Rig.Ok(rig.Driver.cuThreadExchangeStreamCaptureMode(&mode));
        Assert.That(mode, Is.EqualTo(CU_STREAM_CAPTURE_MODE_GLOBAL));
        Rig.Ok(rig.Driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        Rig.Ok(rig.Driver.cuMemFree(rig.Alloc(4)));
        Rig.Ok(rig.Driver.cuThreadExchangeStreamCaptureMode(&mode));
        CUdeviceptr memory;
        Rig.Gives(rig.Driver.cuMemAlloc(&memory, 4), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        IsSpoilt(rig, stream);
    }

    [Test]
    public void A_stream_that_came_in_by_an_event_has_to_join_again()
    {
        using var rig = new Rig();
        CUstream one = rig.Stream();
        CUstream two = rig.Stream();
        CUevent mark = rig.Event();
        foreach (bool joined in new[] { true, false })
        {
            Rig.Ok(rig.Driver.cuStreamBeginCapture(one, CU_STREAM_CAPTURE_MODE_GLOBAL));
            rig.Enqueue(one, "a", () => { });
            Rig.Ok(rig.Driver.cuEventRecord(mark, one));
            Rig.Ok(rig.Driver.cuStreamWaitEvent(two, mark, 0));
            Assert.That(
                Status(rig, two),
                Is.EqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE)
            );
            rig.Enqueue(two, "b", () => { });
            if (joined)
            {
                Rig.Ok(rig.Driver.cuEventRecord(mark, two));
                Rig.Ok(rig.Driver.cuStreamWaitEvent(one, mark, 0));
            }
            CUgraph graph;
            Rig.Gives(
                rig.Driver.cuStreamEndCapture(one, &graph),
                joined ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNJOINED
            );
            Assert.That(graph != default, Is.EqualTo(joined));
            Assert.That(
                Status(rig, two),
                Is.EqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE)
            );
        }
    }

    [Test]
    public void Two_captures_do_not_merge()
    {
        using var rig = new Rig();
        CUstream one = rig.Stream();
        CUstream two = rig.Stream();
        CUevent mark = rig.Event();
        Rig.Ok(rig.Driver.cuStreamBeginCapture(one, CU_STREAM_CAPTURE_MODE_RELAXED));
        Rig.Ok(rig.Driver.cuStreamBeginCapture(two, CU_STREAM_CAPTURE_MODE_RELAXED));
        Rig.Ok(rig.Driver.cuEventRecord(mark, one));
        Rig.Gives(rig.Driver.cuStreamWaitEvent(two, mark, 0), CUDA_ERROR_STREAM_CAPTURE_MERGE);
        Assert.That(rig.Device.TakeFaults(), Has.Count.EqualTo(2));
        CUgraph graph;
        Rig.Gives(
            rig.Driver.cuStreamEndCapture(one, &graph),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
        );
        Rig.Gives(
            rig.Driver.cuStreamEndCapture(two, &graph),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
        );
        // The event was never put into a stream.
        Rig.Gives(rig.Driver.cuEventQuery(mark), CUDA_ERROR_CAPTURED_EVENT);
    }

    [Test]
    public void A_capture_ends_where_it_began()
    {
        using var rig = new Rig();
        CUstream one = rig.Stream();
        CUstream two = rig.Stream();
        CUevent mark = rig.Event();
        CUgraph graph;
        Rig.Gives(rig.Driver.cuStreamEndCapture(one, &graph), CUDA_ERROR_ILLEGAL_STATE);
        Rig.Gives(
            rig.Driver.cuStreamBeginCapture(default, CU_STREAM_CAPTURE_MODE_GLOBAL),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        );
        Rig.Ok(rig.Driver.cuStreamBeginCapture(one, CU_STREAM_CAPTURE_MODE_GLOBAL));
        Rig.Gives(
            rig.Driver.cuStreamBeginCapture(one, CU_STREAM_CAPTURE_MODE_GLOBAL),
            CUDA_ERROR_ILLEGAL_STATE
        );
        CUresult elsewhere = default;
        var thread = new Thread(() =>
        {
            CUgraph none;
            Rig.Ok(rig.Driver.cuCtxSetCurrent(rig.Context));
            elsewhere = rig.Driver.cuStreamEndCapture(one, &none);
        });
        thread.Start();
        thread.Join();
        Rig.Gives(elsewhere, CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
        Rig.Ok(rig.Driver.cuEventRecord(mark, one));
        Rig.Ok(rig.Driver.cuStreamWaitEvent(two, mark, 0));
        Rig.Gives(rig.Driver.cuStreamEndCapture(two, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
        IsSpoilt(rig, one);
    }

    [Test]
    public void Pageable_memory_is_not_copied_in_a_capture()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(1);
        CUstream stream = rig.Stream();
        float value = 0;
        Rig.Ok(rig.Driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        Rig.Gives(
            rig.Driver.cuMemcpyHtoDAsync(memory, &value, 4, stream),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        );
        IsSpoilt(rig, stream);
    }

    [Test]
    public void A_capture_that_is_not_ended_is_a_leak()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        Rig.Ok(rig.Driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        Assert.That(rig.Device.Leaks(), Has.One.Contains("not ended"));
    }
}
