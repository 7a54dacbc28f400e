using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>
/// The learning-rate schedule with warm-up and cosine: its rates, training and resuming with it, and what is refused.
/// </summary>
[TestFixture]
public sealed class ScheduleTests : FolderTest
{
    private static readonly Dictionary<string, string> Texts = new() { ["task"] = "adding" };

    private static readonly WarmupCosine Schedule = new(12, 4, 0.0005f);

    [TestCase(0, 0.1)]
    [TestCase(1, 0.2)]
    [TestCase(4, 0.5)]
    // The warm-up's last step and the cosine's first have the highest rate.
    [TestCase(9, 1)]
    [TestCase(10, 1)]
    // A third, half, two thirds of the way down, and the end.
    [TestCase(40, 0.1 + 0.9 * 0.75)]
    [TestCase(55, 0.55)]
    [TestCase(70, 0.1 + 0.9 * 0.25)]
    [TestCase(100, 0.1)]
    [TestCase(1_000_000, 0.1)]
    public void The_rate_rises_in_a_line_and_falls_along_a_cosine(long step, double rate) =>
        Assert.That(
            new WarmupCosine(100, 10, 0.1f).RateAt(step, 1f),
            Is.EqualTo((float)rate).Within(1e-6)
        );

    [Test]
    public void Without_warm_up_it_falls_at_once_and_with_nothing_else_it_only_rises()
    {
        Assert.That(new WarmupCosine(2).RateAt(0, 0.4f), Is.EqualTo(0.4f));
        Assert.That(new WarmupCosine(2).RateAt(1, 0.4f), Is.EqualTo(0.2f).Within(1e-7));
        Assert.That(new WarmupCosine(2).RateAt(2, 0.4f), Is.Zero);
        Assert.That(new WarmupCosine(5, 5).RateAt(4, 0.4f), Is.EqualTo(0.4f));
        Assert.That(new WarmupCosine(5, 5).RateAt(5, 0.4f), Is.Zero);
        // A highest rate below the least one.
        Assert.That(new WarmupCosine(9, 0, 0.5f).RateAt(4, 0.4f), Is.EqualTo(0.4f));
    }

    [TestCase(0, 1)]
    [TestCase(9, 1)]
    [TestCase(10, 0.25)]
    [TestCase(19, 0.25)]
    [TestCase(20, 0.0625)]
    public void A_rate_falls_by_steps(long step, double rate) =>
        Assert.That(new StepDecay(10, 0.25f).RateAt(step, 1f), Is.EqualTo((float)rate));

    [Test]
    public void By_steps_as_well_it_goes_on_with_the_same_bits_and_with_no_other_schedule()
    {
        string path = PathOf("c.safetensors");
        var decay = new StepDecay(3, 0.5f);
        using Sequential model = Model();
        using Trainer straight = Make(model, decay);
        using (Sequential half = Model())
        using (Trainer first = Make(half, decay))
        {
            for (int i = 0; i < 4; i++)
                first.TrainStep();
            first.Save(path, Texts);
        }
        using Sequential rest = Model();
        using Trainer second = Make(rest, decay, 0.7f);
        second.Resume(path);
        while (straight.Step < 8)
            straight.TrainStep();
        while (second.Step < 8)
            second.TrainStep();
        Assert.That(second.Optimizer.LearningRate, Is.EqualTo(0.0025f).Within(1e-9f));
        Close.CheckBits(
            second.Plan.Store.State.ToArray(),
            straight.Plan.Store.State.ToArray(),
            "parameters and buffers"
        );
        using Sequential other = Model();
        using Trainer another = Make(other, new StepDecay(4, 0.5f));
        Assert.That(
            () => another.Resume(path),
            Throws
                .TypeOf<CheckpointException>()
                .With.Message.Contains(
                    "times 0.5 every 3 steps in the file, times 0.5 every 4 steps here"
                )
        );
    }

    [Test]
    public void A_schedule_that_is_none_is_refused()
    {
        Refuse(() => new WarmupCosine(0), "steps", "0", "1");
        Refuse(() => new WarmupCosine(5, 6), "warmup", "6", "0 to 5");
        Refuse(() => new WarmupCosine(5, -1), "warmup", "-1", "0 to 5");
        Refuse(() => new WarmupCosine(5, 1, -1f), "least", "-1", "at least 0");
        Refuse(() => new WarmupCosine(5, 1, float.NaN), "least", "NaN", "finite");
        Refuse(() => new WarmupCosine(5).RateAt(-1, 1f), "step", "-1", "non-negative");
        Refuse(() => new StepDecay(0), "every", "0", "1");
        Refuse(() => new StepDecay(5, 1f), "factor", "1", "below 1");
        Refuse(() => new StepDecay(5, 0f), "factor", "0", "above 0");
        Refuse(() => new StepDecay(5, float.NaN), "factor", "NaN", "above 0");
        Refuse(() => new StepDecay(5).RateAt(-1, 1f), "step", "-1", "non-negative");
    }

    [TestCase(-1f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_rate_of_one_s_own_that_is_none_is_told_with_its_schedule_and_step(float rate)
    {
        using Sequential model = Model();
        using Trainer trainer = Make(model, new Own(rate));
        trainer.TrainStep();
        trainer.TrainStep();
        float[] before = trainer.Plan.Parameters.ToArray();
        Assert.That(
            () => trainer.TrainStep(),
            Throws
                .InvalidOperationException.With.Message.Contains("'my own'")
                .And.Message.Contains(FormattableString.Invariant($"the rate {rate} for step 2"))
        );
        Assert.That(trainer.Step, Is.EqualTo(2));
        Close.CheckBits(trainer.Plan.Parameters.ToArray(), before, "parameters");
    }

    private sealed class Own(float rate) : IRateSchedule
    {
        public float RateAt(long step, float highest) => step < 2 ? highest : rate;

        public override string ToString() => "my own";
    }

    private static void Refuse(Func<object> act, params string[] says) =>
        Refusal.Of<ArgumentOutOfRangeException>("", () => act(), says).Check();

    [Test]
    public void A_trainer_takes_each_step_at_its_rate()
    {
        using Sequential model = Model();
        using Trainer trainer = Make(model, Schedule);
        for (int step = 0; step < 15; step++)
        {
            trainer.TrainStep();
            Assert.That(
                trainer.Optimizer.LearningRate,
                Is.EqualTo(Schedule.RateAt(step, 0.01f)),
                $"step {step}"
            );
        }
        using Sequential other = Model();
        using Trainer constant = Make(other, null);
        for (int step = 0; step < 15; step++)
            constant.TrainStep();
        Assert.That(constant.Optimizer.LearningRate, Is.EqualTo(0.01f));
        Assert.That(
            constant.Plan.Parameters.ToArray(),
            Is.Not.EqualTo(trainer.Plan.Parameters.ToArray())
        );
    }

    [Test]
    public void Interrupted_anywhere_it_ends_with_the_same_bits([Values(0, 1, 3, 4, 9, 12)] int at)
    {
        string path = PathOf("c.safetensors");
        using Sequential model = Model();
        using Trainer straight = Make(model, Schedule);
        using (Sequential half = Model())
        using (Trainer first = Make(half, Schedule))
        {
            for (int i = 0; i < at; i++)
                first.TrainStep();
            first.Save(path, Texts);
        }
        using Sequential rest = Model();
        // The highest rate comes from the file, not from this optimizer.
        using Trainer second = Make(rest, Schedule, 0.7f);
        second.TrainStep();
        second.Resume(path);
        Assert.That(second.Step, Is.EqualTo(at));

        while (straight.Step < 14)
            straight.TrainStep();
        while (second.Step < 14)
            second.TrainStep();

        Close.CheckBits(
            second.Plan.Store.State.ToArray(),
            straight.Plan.Store.State.ToArray(),
            "parameters and buffers"
        );
        Close.CheckBits(
            second.Optimizer.State.ToArray(),
            straight.Optimizer.State.ToArray(),
            "the optimizer's state"
        );
        Assert.That(Checkpoint.ReadInfo(path).Metadata["task"], Is.EqualTo("adding"));
    }

    [Test]
    public void Another_schedule_is_refused_and_nothing_changes()
    {
        string path = PathOf("c");
        using Sequential model = Model();
        using Trainer trainer = Make(model, Schedule);
        trainer.TrainStep();
        trainer.Save(path, Texts);
        foreach (
            (WarmupCosine? schedule, string says) in new[]
            {
                (new WarmupCosine(13, 4, 0.0005f), "warm-up 4 of 13 steps, then cosine to 0.0005"),
                (new WarmupCosine(12, 3, 0.0005f), "warm-up 3 of 12 steps"),
                (new WarmupCosine(12, 4, 0.0006f), "cosine to 0.0006 here"),
                ((WarmupCosine?)null, "none here"),
            }
        )
        {
            using Sequential other = Model();
            using Trainer resumed = Make(other, schedule);
            resumed.TrainStep();
            float[] before = resumed.Plan.Parameters.ToArray();
            var e = Assert.Throws<CheckpointException>(() => resumed.Resume(path));
            Assert.That(
                e!.Message,
                Does.Contain("warm-up 4 of 12 steps, then cosine to 0.0005 in the file")
                    .And.Contain(says)
            );
            Assert.That(resumed.Step, Is.EqualTo(1));
            Close.CheckBits(resumed.Plan.Parameters.ToArray(), before, "parameters");
        }
        using Sequential plain = Model();
        using Trainer unscheduled = Make(plain, null);
        unscheduled.Save(path, Texts);
        Assert.That(
            () => trainer.Resume(path),
            Throws.TypeOf<CheckpointException>().With.Message.Contains("none in the file")
        );
    }

    [Test]
    public void A_highest_rate_that_is_none_is_refused(
        [Values("", "x", "NaN", "-1", "∞")] string text
    )
    {
        string path = PathOf("c");
        using Sequential model = Model();
        using Trainer trainer = Make(model, Schedule);
        trainer.Save(path, Texts);
        using (SafetensorsFile file = Safetensors.Open(path))
            Safetensors.WriteChecked(
                PathOf("broken"),
                [
                    .. file.Entries.Select(entry =>
                        SafetensorsTensor.Of(
                            entry.Name,
                            file.ReadFloats(entry.Name),
                            entry.Shape.ToArray().AsSpan()
                        )
                    ),
                ],
                new Dictionary<string, string>(file.Metadata) { ["training.highest_rate"] = text }
            );

        Assert.That(
            () => trainer.Resume(PathOf("broken")),
            Throws
                .TypeOf<CheckpointException>()
                .With.Message.Contains($"'{text}' for 'training.highest_rate'")
        );
    }

    [Test]
    public void Names_that_are_kept_are_refused()
    {
        using Sequential model = Model();
        using Trainer trainer = Make(model, null);
        Assert.That(
            () => trainer.Save(PathOf("c"), new Dictionary<string, string> { ["training.x"] = "" }),
            Throws.ArgumentException.With.Message.Contains("training.x")
        );
    }

    private static Sequential Model() =>
        new(
            new Lru(2, 6, 5, 1, new LruOptions { Norm = NormKind.Batch, Dropout = 0.2f }),
            new Mean(6),
            new Linear(6, 1)
        );

    private static Trainer Make(Layer model, IRateSchedule? schedule, float rate = 0.01f) =>
        new(
            model,
            new AddingProblem(9),
            new AddingProblem(9).HeldOut(1000),
            Backends.Get(256, 2),
            plan => new AdamW(plan, rate, 0.05f, groups: [Lru.Recurrence(0.25f)]),
            new TrainingOptions { Batch = 5, Schedule = schedule }
        );
}
