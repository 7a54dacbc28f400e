using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;

namespace Sequor.Tests.Threads;

/// <summary>What is forgotten waits while a caller records: a block that is freed then would end the recording.</summary>
[TestFixture("cuda")]
[TestFixture(ThreadFixture.WithEpilogues)]
public sealed unsafe class ForgottenInCaptureTests(string device) : ThreadFixture(device)
{
    [Test]
    public void A_callers_capture_is_not_disturbed(
        [Values(
            CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL,
            CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        )]
            CUstreamCaptureMode mode
    )
    {
        CudaBackend gpu = (CudaBackend)Backend;
        using var linear = new Linear(2, 3);
        using Plan plan = linear.Plan(Backend, ForgottenTests.T, ForgottenTests.B, Mode.Evaluation);
        Tensor x = plan.SetInput(ForgottenTests.X, ForgottenTests.T, ForgottenTests.B);
        float[] expected = plan.Forward(x).ToArray();
        long bytes = Backend.Memory.CurrentBytes;
        ForgottenTests.Train(Backend);
        ForgottenTests.Collect();
        CudaDriver driver = gpu.Context.Driver;
        CUgraph graph;
        // By the driver alone, so that nothing here knows of it.
        using (gpu.Context.MakeCurrent())
        {
            Ok(driver.cuStreamBeginCapture(gpu.Stream.Handle, mode));
            plan.Forward(x);
            Ok(driver.cuStreamEndCapture(gpu.Stream.Handle, &graph));
            Ok(driver.cuGraphDestroy(graph));
        }

        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
        Assert.That(gpu.Context.Ledger.CurrentBytes, Is.EqualTo(bytes));
        Assert.That(plan.Forward(x).ToArray(), Is.EqualTo(expected));

        static void Ok(CUresult result) => Assert.That(result, Is.EqualTo(CUresult.CUDA_SUCCESS));
    }
}
