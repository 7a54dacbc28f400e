using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>
/// Every allocation, and every call, fails in turn: a typed error, nothing leaked, and the next try works.
/// </summary>
public sealed class OutOfMemoryTests : InteropFixture
{
    [Test]
    public void Every_allocation_may_fail()
    {
        Work();
        int failed = 0;
        for (int n = 1; ; n++)
        {
            Gpu.FailAllocation(n);
            Exception? error = Caught();
            Gpu.FailAllocation(0);
            if (error is null)
                break;
            Assert.That(
                error,
                Is.TypeOf<CudaException>().Or.TypeOf<CudnnException>().Or.TypeOf<CublasException>()
            );
            failed++;
            Work();
        }
        // Buffer, pinned buffer, pooled buffer and dropout states at least.
        Assert.That(failed, Is.GreaterThanOrEqualTo(4));
    }

    [Test]
    public void Every_call_may_fail()
    {
        Gpu.Counts.Reset();
        Work();
        // Releases aside, whose errors are parked, and the end of a capture, which has to end.
        string[] calls =
        [
            .. Gpu.Counts.Calls.Keys.Where(name =>
                !name.Contains("Destroy", StringComparison.Ordinal)
                && !name.Contains("Free", StringComparison.Ordinal)
                && !name.Contains("Release", StringComparison.Ordinal)
                && !name.Contains("GetError", StringComparison.Ordinal)
                && !name.Contains("GetLastError", StringComparison.Ordinal)
                && name
                    is not (
                        "cuCtxPopCurrent"
                        or "cuCtxSynchronize"
                        or "cuStreamEndCapture"
                        or "cuDevicePrimaryCtxGetState"
                    )
            ),
        ];
        Assert.That(calls, Has.Length.GreaterThan(30));
        foreach (string call in calls)
        {
            bool dnn = call.StartsWith("cudnn", StringComparison.Ordinal);
            bool blas = call.StartsWith("cublas", StringComparison.Ordinal);
            int status =
                dnn ? (int)cudnnStatus_t.CUDNN_STATUS_INTERNAL_ERROR
                : blas ? (int)cublasStatus_t.CUBLAS_STATUS_INTERNAL_ERROR
                : (int)CUresult.CUDA_ERROR_UNKNOWN;
            Gpu.Refuse(call, status, times: 1);
            Exception? error = Caught();
            Gpu.RefuseNothing();
            // An engine that does not become final is passed over, and the next is asked. A release whose thread keeps its
            // mode goes all the same where nobody captures.
            if (call is not ("cudnnBackendFinalize" or "cuThreadExchangeStreamCaptureMode"))
                Assert.That(
                    error,
                    dnn ? Is.TypeOf<CudnnException>()
                        : blas ? Is.TypeOf<CublasException>()
                        : Is.TypeOf<CudaException>(),
                    call
                );
            Assert.That(Context.Ledger.CurrentBytes, Is.Zero, call);
            Assert.That(
                Gpu.LiveHandles(),
                Is.EqualTo(new Dictionary<string, int> { ["stream"] = 1 }),
                call
            );
            Work();
        }
    }

    private Exception? Caught()
    {
        try
        {
            Work();
            return null;
        }
        catch (Exception error) when (error is CudaException or CudnnException or CublasException)
        {
            return error;
        }
    }

    private void Work()
    {
        using var stream = Context.CreateStream();
        using var pool = Context.CreateMemoryPool();
        using var buffer = Context.Allocate<float>(100);
        using var pinned = Context.AllocatePinned<float>(100);
        using DeviceBuffer<float> pooled = pool.Allocate<float>(100, stream);
        using var mark = Context.CreateEvent();
        pinned.Span.Fill(5);
        buffer.Span.EnqueueCopyFrom(pinned, stream);
        pooled.Span.CopyFrom(buffer, stream);
        mark.Record(stream);
        stream.Wait(mark);
        using CudaGraph graph = CudaGraph.Capture(stream, () => buffer.Span.Fill(1, stream));
        using CudaGraphExec exec = graph.Instantiate();
        exec.Launch(stream);
        using (DeviceBuffer<float>.Wrap(Context, (nint)buffer.Handle.Value, 4))
            mark.Synchronize();
        using CuBlasHandle blas = CuBlasHandle.Create(stream);
        blas.Multiply(
            new(buffer, 2, 2),
            false,
            new(buffer, 2, 2),
            false,
            new(buffer.Slice(8), 2, 2)
        );
        using CuDnnHandle dnn = CuDnnHandle.Create(stream);
        using var dropout = DropoutDescriptor.Create(dnn, 0.5f, 1);
        RnnSettings settings = new()
        {
            Mode = cudnnRNNMode_t.CUDNN_LSTM,
            InputSize = 2,
            HiddenSize = 3,
            Clip = (-1, 1),
        };
        using (var net = RnnDescriptor.Create(dnn, settings, dropout))
        using (var calls = CuDnnRnn<float>.Create(dnn, net))
            net.Weights(dnn);
        using var plan = ConvolutionPlan.Create(
            dnn,
            ConvolutionKind.Forward,
            new(4, 1, 4, 4, 2, 1)
        );
        using var scratch = Context.Allocate<byte>(plan.WorkspaceBytes + 1);
        plan.Execute(buffer, buffer.Slice(16), buffer.Slice(64), scratch);
        stream.Synchronize();
        Assert.That(pooled.Span.ToArray(stream), Is.All.EqualTo(5f));
    }
}
