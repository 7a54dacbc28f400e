using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;
using Sequor.Workloads;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Batches that come to the device on a second stream while the step before runs, beside batches that come between steps: in orders of the
/// virtual GPU, which are all that events allow.
/// </summary>
[TestFixture]
[VirtualGpuOnly]
[NonParallelizable]
[Category("Gpu")]
public sealed class CudaStagingTests : StagingFixture
{
    [Test]
    public void Training_gives_the_same_bits_in_any_order_of_the_streams(
        [Values(1, 3)] int batch,
        [Values] bool graphs
    )
    {
        float[] expected = Trained(0, Never, batch);
        for (int seed = 0; seed < Seeds; seed++)
            Assert.That(
                Trained(seed, Always with { Graphs = graphs }, batch),
                Is.EqualTo(expected),
                $"seed {seed}"
            );
    }

    // One that the caller made, the legacy default one (0), or the thread's own (2).
    [Test]
    public void The_callers_stream_may_be_any_of_its_context([Values(-1, 0, 2)] int handle)
    {
        float[] expected = Trained(0, Never, batch: 1);
        for (int seed = 0; seed < Seeds; seed++)
        {
            using var device = VirtualDevice.Start(
                new VirtualOptions { Seed = seed, Kernels = new PtxEngine() }
            );
            using (var context = CudaContext.Primary(StepCounts.Libraries(device).Device()))
            using (CudaStream made = context.CreateStream(blocking: true))
            using (var stream = CudaStream.Attach(context, handle < 0 ? made.Handle.Value : handle))
            using (var gpu = new CudaBackend(context, stream, Always))
            using (Sequential model = Model())
            using (Trainer trainer = Trainer(model, gpu, new Unequal(10), batch: 1))
            {
                trainer.Run();
                Assert.That(
                    trainer.Plan.Parameters.ToArray(),
                    Is.EqualTo(expected),
                    $"seed {seed}"
                );
            }
            device.AssertClean();
        }
    }

    // Which of the two waits is left out: that of the step for its batch, or that of the batch for the step before.
    [Test]
    public void A_wait_that_is_left_out_is_found([Values] bool ofTheStep)
    {
        float[] expected = Trained(0, Never, batch: 3);
        int found = 0;
        int tried = 0;
        for (; tried < 2 * Seeds && found < 2; tried++)
        {
            int seed = tried;
            try
            {
                float[] trained = Trained(
                    seed,
                    Always,
                    batch: 3,
                    (device, gpu) =>
                    {
                        ulong work = gpu.Stream.Id;
                        device.Manners.ForgetsWaits = id => id == work == ofTheStep;
                    }
                );
                if (!trained.SequenceEqual(expected))
                    found++;
            }
            catch (Exception e) when (e is CudaException or DivergedException)
            {
                // Memory that nothing has been written to yet.
                found++;
            }
        }
        TestContext.Out.WriteLine($"{found} of {tried} orders gave other values");
        Assert.That(found, Is.EqualTo(2));
    }

    [Test]
    public void A_batch_arrives_while_the_step_before_runs([Values] bool staged)
    {
        bool overlapped = false;
        for (int seed = 0; seed < Seeds; seed++)
        {
            On(
                seed,
                (staged ? Always : Never) with
                {
                    Graphs = false,
                },
                (device, gpu) =>
                {
                    using var run = new Run(gpu);
                    gpu.Synchronize();
                    device.Work.Log = [];
                    for (int step = 0; step < 3; step++)
                        run.Step(step);
                    gpu.Synchronize();
                    overlapped |= IsAhead(device.Work.Log);
                }
            );
        }
        Assert.That(overlapped, Is.EqualTo(staged));
    }

    // Whether a copy of a step's input or targets ran before the update of the step before it.
    private static bool IsAhead(IEnumerable<string> log)
    {
        int copies = 0;
        int updates = 0;
        bool ahead = false;
        foreach (string name in log)
        {
            copies += name == "copy host to device" ? 1 : 0;
            updates += name == "optimizer_adam" ? 1 : 0;
            ahead |= copies > 2 * (updates + 1);
        }
        Assert.That((copies, updates), Is.EqualTo((6, 3)));
        return ahead;
    }

    // The step that bench measures, after which the next batch stands.
    [Test]
    public void The_next_batch_of_a_measured_step_arrives_while_it_runs([Values] bool staged)
    {
        bool overlapped = false;
        for (int seed = 0; seed < Seeds; seed++)
        {
            using var device = VirtualDevice.Start(
                new VirtualOptions { Seed = seed, Kernels = new PtxEngine() }
            );
            CudaOptions options = (staged ? Always : Never) with { Graphs = false };
            using (
                var step = new TrainingStep(
                    new Workload(Architecture.Get("gru"), new AddingProblem(6), 3, 5, 1),
                    CudaBackend.Create(0, options, StepCounts.Libraries(device)),
                    seed: 1
                )
            )
            {
                step.Run();
                device.Work.Log = [];
                step.RunTimed();
                overlapped |=
                    device.Work.Log.IndexOf("copy host to device")
                    < device.Work.Log.IndexOf("optimizer_adam");
            }
            device.AssertClean();
        }
        Assert.That(overlapped, Is.EqualTo(staged));
    }

    [Test]
    public void A_replayed_step_makes_so_many_calls_takes_no_memory_and_waits_for_nothing(
        [Values] bool staged
    ) =>
        On(
            3,
            staged ? Always : Never,
            (device, gpu) =>
            {
                using var run = new Run(gpu);
                for (int step = 0; step < 3; step++)
                    run.Step(step);
                gpu.Synchronize();
                Assert.That(run.Graph.Replays, Is.EqualTo(1), run.Graph.EagerReason);
                long taken = gpu.Memory.Allocations;
                device.Counts.Reset();

                run.Step(3);

                var expected = new Dictionary<string, long>
                {
                    ["cuGraphLaunch"] = 1,
                    ["cuMemcpyHtoDAsync"] = 2,
                    ["cuStreamIsCapturing"] = 3,
                };
                if (staged)
                {
                    expected["cuMemcpyDtoDAsync"] = 2;
                    expected["cuEventRecord"] = 4;
                    expected["cuStreamWaitEvent"] = 4;
                }
                Assert.That(
                    device
                        .Counts.Calls.Where(c =>
                            !c.Key.StartsWith("cuCtx", StringComparison.Ordinal)
                        )
                        .ToDictionary(),
                    Is.EquivalentTo(expected)
                );
                Assert.That(device.Counts.Waits, Is.Zero);
                Assert.That(device.Counts.HostAllocations, Is.Zero);
                Assert.That(gpu.Memory.Allocations, Is.EqualTo(taken));
                gpu.Synchronize();
                Assert.That(device.Counts.BytesHostToDevice, Is.EqualTo(Run.BatchBytes));
            }
        );

    [Test]
    public void Parts_and_copies_larger_than_the_pinned_memory_arrive([Values(0, 4, 9)] int seed) =>
        On(
            seed,
            Always,
            (_, gpu) =>
            {
                const int Count = (5 * CudaUploads.HalfBytes / sizeof(float)) + 3;
                using Storage block = gpu.Allocate(Count, MemoryCategory.InputOutput);
                using IDisposable staging = gpu.StageUploads(block)!;
                Tensor all = block.View(new Shape(Count));
                float[] values = new Draw(1).Uniform(Count);
                all.Write(values);
                float[] part = new Draw(2).Uniform(1000);
                all.Slice(Count - 1003, 1000).Write(part);
                part.CopyTo(values, Count - 1003);
                Assert.That(all.ToArray(), Is.EqualTo(values));
            }
        );
}
