using NUnit.Framework;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Suites;

/// <summary>What work on a GPU reports: its launches beside time by events, and of a step that is replayed what its single run tells.</summary>
[TestFixture]
public sealed class CudaRecordTests : CudaFixture
{
    [Test]
    public void A_replayed_step_is_timed_and_counted()
    {
        using var model = new Linear(2, 3);
        using Plan plan = model.Plan(Gpu, 2, 2, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 1e-3f);
        plan.Input(2, 2).Write(new float[8]);
        loss.SetTargets(new float[12]);
        using var step = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(2, 2));
                plan.Backward(loss.Compute());
                adam.Step();
            }
        );
        for (int i = 0; i < 4; i++)
            step.Run();
        long peak = Gpu.Memory.PeakBytes;
        DiagnosticsRecord record = SequorDiagnostics.Measure(
            Gpu,
            step.Run,
            new ReportOptions { Eager = () => step.RunEager() }
        );
        var work = WorkCost.Of(Gpu, () => step.RunEager());
        Assert.That(step.Replays, Is.GreaterThan(3));
        Assert.That(work.Launches, Is.Positive);
        Assert.That(record.Launches, Is.EqualTo(work.Launches));
        Assert.That(record.BytesMoved, Is.EqualTo(work.BytesMoved));
        Assert.That(record.Gpu!.Arithmetic, Is.EqualTo("fp32"));
        Assert.That(record.PeakBytes.Values.Sum(), Is.EqualTo(peak));
        // In a replay nothing is queued that could be counted.
        DiagnosticsRecord replayed = SequorDiagnostics.Measure(Gpu, step.Run, new ReportOptions());
        Assert.That(replayed.Launches, Is.Null);
        Assert.That(replayed.BytesMoved, Is.Null);
    }
}
