using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Cuda;

/// <summary>Batches on a second stream where something fails: refused batches and calls, captures, too little memory, a lost context.</summary>
[TestFixture]
[VirtualGpuOnly]
[NonParallelizable]
[Category("Gpu")]
public sealed class CudaStagingErrorTests : StagingFixture
{
    [Test]
    public void A_batch_that_is_refused_while_its_input_is_under_way_is_taken_again(
        [Values(1, 3)] int batch
    )
    {
        float[] expected = Trained(0, Never, batch);
        for (int seed = 0; seed < Seeds; seed++)
        {
            var data = new Unequal(10) { Wrong = 7 };
            int refused = 0;
            float[] trained = [];
            On(
                seed,
                Always,
                (_, gpu) =>
                {
                    using Sequential model = Model();
                    using Trainer trainer = Trainer(model, gpu, data, batch);
                    while (trainer.Finished is null)
                    {
                        try
                        {
                            trainer.TrainStep();
                        }
                        catch (DatasetException)
                        {
                            refused++;
                            data.Wrong = null;
                        }
                    }
                    trained = trainer.Plan.Parameters.ToArray();
                }
            );
            Assert.That(refused, Is.EqualTo(1));
            Assert.That(trained, Is.EqualTo(expected), $"seed {seed}");
        }
    }

    // Nothing is lost or written over by a copy that was refused in part, whichever call it was.
    [Test]
    public void A_copy_that_the_driver_refuses_can_be_made_again(
        [Values("cuMemcpyHtoDAsync", "cuMemcpyDtoDAsync", "cuEventRecord", "cuStreamWaitEvent")]
            string call,
        [Range(0, 3)] int after
    )
    {
        float[] expected = Looped(0, Never, refused: null);
        for (int seed = 0; seed < Seeds; seed++)
            Assert.That(Looped(seed, Always, (call, after)), Is.EqualTo(expected), $"seed {seed}");
    }

    private static float[] Looped(int seed, CudaOptions options, (string Call, int After)? refused)
    {
        float[] trained = [];
        On(
            seed,
            options with
            {
                Graphs = false,
            },
            (device, gpu) =>
            {
                using var run = new Run(gpu);
                for (int step = 0; step < 5; step++)
                {
                    bool plants = step == 2 && refused is not null;
                    if (plants)
                    {
                        (string call, int after) = refused!.Value;
                        int unsupported = (int)CUresult.CUDA_ERROR_NOT_SUPPORTED;
                        // A batch makes two such copies in all, and of events twice as many calls.
                        bool comes =
                            after < (call.StartsWith("cuMemcpy", StringComparison.Ordinal) ? 2 : 4);
                        device.Refuse(call, unsupported, after, times: 1);
                        if (comes)
                            Assert.That(
                                Assert.Throws<CudaException>(() => run.Load(step))!.Message,
                                Does.Contain(call)
                            );
                        device.RefuseNothing();
                    }
                    run.Step(step);
                }
                trained = run.Parameters;
            }
        );
        return trained;
    }

    [Test]
    public void While_the_caller_captures_the_stream_a_batch_is_refused_and_goes_on_after_it()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            float[][] parameters =
            [
                [],
                [],
            ];
            foreach (bool captures in new[] { false, true })
                On(
                    seed,
                    captures ? Always : Never,
                    (_, gpu) =>
                    {
                        using var run = new Run(gpu);
                        for (int step = 0; step < StepGraph.EagerSteps; step++)
                            run.Step(step);
                        if (captures)
                        {
                            Assert.Throws<NotRecordableException>(() =>
                                CudaGraph.Capture(gpu.Stream, () => run.Load(2)).Dispose()
                            );
                            using CudaGraph graph = CudaGraph.Capture(gpu.Stream, run.Graph.Run);
                            using CudaGraphExec exec = graph.Instantiate();
                            for (int step = 2; step < 6; step++)
                            {
                                run.Load(step);
                                exec.Launch(gpu.Stream);
                            }
                            gpu.Synchronize();
                        }
                        else
                        {
                            for (int step = 2; step < 6; step++)
                                run.Step(step);
                        }
                        parameters[captures ? 1 : 0] = run.Parameters;
                    }
                );
            Assert.That(parameters[1], Is.EqualTo(parameters[0]), $"seed {seed}");
        }
    }

    [Test]
    public void A_context_that_is_lost_meanwhile_is_told_and_all_is_given_back()
    {
        using var device = VirtualDevice.Start(
            new VirtualOptions { Seed = 4, Kernels = new PtxEngine() }
        );
        using (CudaBackend gpu = CudaBackend.Create(0, Always, StepCounts.Libraries(device)))
        {
            using var run = new Run(gpu);
            run.Step(0);
            run.Load(1);
            lock (device.Gate)
                device.Poison(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
            Assert.That(
                Assert.Throws<CudaException>(() => run.Load(2))!.Message,
                Does.Contain("The context is lost")
            );
        }
        Assert.That(device.PrimaryHolds, Is.Zero);
    }

    [Test]
    public void What_is_under_way_at_the_end_is_waited_for()
    {
        for (int seed = 0; seed < Seeds; seed++)
            On(
                seed,
                Always,
                (_, gpu) =>
                {
                    using var run = new Run(gpu);
                    run.Load(0);
                    run.Load(1);
                }
            );
    }

    [Test]
    public void Nothing_stays_taken_where_memory_is_short()
    {
        int failed = 0;
        On(
            2,
            Always,
            (device, gpu) =>
            {
                long before = gpu.Memory.CurrentBytes;
                for (int n = 1; ; n++)
                {
                    device.FailAllocation(n);
                    try
                    {
                        new Run(gpu).Dispose();
                        break;
                    }
                    catch (DeviceMemoryException e)
                    {
                        failed++;
                        Assert.That(gpu.Memory.CurrentBytes, Is.EqualTo(before), e.Message);
                    }
                }
                device.FailAllocation(0);
            }
        );
        Assert.That(failed, Is.GreaterThan(4));
    }

    [Test]
    public void Memory_is_taken_for_training_alone_pinned_memory_once_and_small_batches_take_none()
    {
        long without = Taken(1, Never);
        Assert.That(Taken(1, new CudaOptions()), Is.EqualTo(without));
        On(
            1,
            Always,
            (device, gpu) =>
            {
                long before = gpu.Memory.CurrentBytes;
                device.Counts.Reset();
                using (var run = new Run(gpu))
                    Assert.That(gpu.Memory.CurrentBytes - before, Is.EqualTo(without + 512));
                Assert.That(gpu.Memory.CurrentBytes, Is.EqualTo(before));
                using (new Run(gpu))
                    Assert.That(device.Counts.HostAllocations, Is.EqualTo(1));
                using Sequential model = Run.Model();
                using Plan evaluation = model.Plan(gpu, Run.T, Run.B, Mode.Evaluation);
                Assert.That(evaluation.Input(Run.T, Run.B).Storage.Staging, Is.Null);
            }
        );
        On(
            1,
            new CudaOptions(),
            (_, gpu) =>
            {
                Assert.That(gpu.StagesUploads(65_535), Is.False);
                Assert.That(gpu.StagesUploads(65_536), Is.True);
            }
        );
    }

    private static long Taken(int seed, CudaOptions options)
    {
        long taken = 0;
        On(
            seed,
            options,
            (_, gpu) =>
            {
                long before = gpu.Memory.CurrentBytes;
                using var run = new Run(gpu);
                taken = gpu.Memory.CurrentBytes - before;
            }
        );
        return taken;
    }
}
