using System.Diagnostics.Metrics;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Steps on a GPU that a listener to the meter "Sequor" hears of: nothing waits for the device, and graphs stay as they are.</summary>
[TestFixture]
public sealed class CudaMeterTests : CudaFixture
{
    [Test]
    [VirtualGpuOnly]
    public void Times_come_when_the_device_has_passed_the_step_and_nobody_waits_for_it()
    {
        using var run = new StepRun(Gpu);
        for (int i = 0; i < 4; i++)
            run.Next();
        long waits = Waits(run);
        long nodes = run.Graph.Nodes;

        int steps = 0;
        int times = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, to) =>
            {
                if (instrument.Meter.Name == "Sequor")
                    to.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, _, _) => steps += instrument.Name == "sequor.steps" ? (int)value : 0
        );
        listener.SetMeasurementEventCallback<double>(
            (_, value, _, _) => times += value >= 0 ? 1 : 0
        );
        listener.Start();
        Assert.That(Waits(run), Is.EqualTo(waits), "times that the host waited");
        run.Next();
        run.Next();

        Assert.That(steps, Is.EqualTo(3));
        // That of the last step may come with the next one.
        Assert.That(times, Is.InRange(2, 3));
        Assert.That((run.Graph.Nodes, run.Graph.Graphs), Is.EqualTo((nodes, 1)));
    }

    private long Waits(StepRun run)
    {
        Gpu.Synchronize();
        RequireVirtual().Counts.Reset();
        run.Next();
        return RequireVirtual().Counts.Waits;
    }
}
