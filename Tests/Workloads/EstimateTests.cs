using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>What a run would take: bounds by formula, steps that are measured and forgotten, and what a time limit leaves of it.</summary>
[TestFixture]
public sealed class EstimateTests : FolderTest
{
    private static readonly Preset Gru = Presets.Get("jsb", "gru", "20k");

    // The last frame of a piece is foretold, and not read.
    private static readonly long Steps = Songs.Frames[0].Sum(frames => frames - 1);

    private static Backend Cpu() => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });

    [Test]
    public void The_bound_counts_two_operations_a_parameter_step_and_pass()
    {
        TrainingSize size = TrainingSize.Of(Gru, Songs.Load());
        Assert.That(size, Is.EqualTo(new TrainingSize(5, Steps, OneOutput: false)));
        double all = Reproduction.LeastFlops(Gru, size, steps: 0);
        Assert.That(
            all,
            Is.EqualTo(4.0 * 19_809 * Steps * Gru.Training.Epochs).Within(1e-9).Percent
        );
        // Five steps, of one piece each, are an epoch.
        Assert.That(
            Reproduction.LeastFlops(Gru, size, steps: 5 * Gru.Training.Epochs / 2),
            Is.EqualTo(all / 2).Within(1e-9).Percent
        );
        Assert.That(Reproduction.LeastFlops(Gru, size, steps: 1 << 30), Is.Zero);
    }

    [Test]
    public void A_head_that_runs_once_a_sequence_is_not_bounded_by_its_steps()
    {
        Preset adding = Presets.Get("adding", "gru");
        TrainingSize size = TrainingSize.Of(adding, null);
        Assert.That(size, Is.EqualTo(new TrainingSize(50_000, 50_000L * 600, OneOutput: true)));
        // 151 units and one output.
        Assert.That(
            Reproduction.LeastFlops(adding, size, 0),
            Is.EqualTo(4.0 * (70_367 - 152) * size.Steps * adding.Training.Epochs)
                .Within(1e-9)
                .Percent
        );
    }

    [Test]
    public void Steps_are_measured_and_leave_nothing_behind()
    {
        string path = PathOf("c.safetensors");
        using Backend backend = Cpu();
        var reproduction = new Reproduction(Gru, Songs.Load(), backend);
        var options = new ReproductionOptions
        {
            Checkpoint = path,
            TimeLeft = TimeSpan.FromMilliseconds(1),
        };
        Assert.That(reproduction.Estimate(options), Is.GreaterThan(TimeSpan.Zero));
        Assert.That(File.Exists(path), Is.False);

        ReproductionResult part = reproduction.Run(options);
        Assert.That(part.Runs[0].Stopped, Is.EqualTo(StopReason.Budget));
        byte[] saved = File.ReadAllBytes(path);
        reproduction.Estimate(options);
        Assert.That(File.ReadAllBytes(path), Is.EqualTo(saved));

        ReproductionResult whole = reproduction.Run(options with { TimeLeft = null });
        Assert.That(whole.Finished);
        Assert.That(reproduction.Estimate(options), Is.EqualTo(TimeSpan.Zero));
        using Backend other = Cpu();
        ReproductionResult straight = new Reproduction(Gru, Songs.Load(), other).Run(
            new ReproductionOptions()
        );
        Assert.That(whole.Test, Is.EqualTo(straight.Test), "the same bits, whatever was measured");
    }

    [Test]
    public void The_time_left_is_that_from_now_on()
    {
        string path = PathOf("c.safetensors");
        using Backend backend = Cpu();
        var reproduction = new Reproduction(Gru, Songs.Load(), backend);
        var options = new ReproductionOptions
        {
            Checkpoint = path,
            TimeLeft = TimeSpan.FromMilliseconds(20),
        };
        long before = 0;
        for (int i = 0; i < 3; i++)
        {
            ReproductionResult result = reproduction.Run(options);
            long steps = Checkpoint.ReadInfo(path).Position;
            Assert.That(steps, Is.GreaterThan(before), "it goes on each time");
            before = steps;
            if (result.Finished)
                break;
        }
        ReproductionResult none = reproduction.Run(options with { TimeLeft = TimeSpan.Zero });
        Assert.That(Checkpoint.ReadInfo(path).Position, Is.EqualTo(before));
        Assert.That(
            none.Test,
            Is.Not.Null,
            "what there is is measured on the test set all the same"
        );
        // The shorter one of both limits counts.
        ReproductionResult cut = reproduction.Run(
            options with
            {
                TimeLeft = TimeSpan.FromHours(1),
                Budget = TimeSpan.FromTicks(1),
            }
        );
        Assert.That(Checkpoint.ReadInfo(path).Position, Is.EqualTo(before));
        Assert.That(cut.Runs[0].Stopped, Is.EqualTo(none.Runs[0].Stopped));
    }
}
