using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>The loop on endless and finite sets, with and without epochs and validation.</summary>
[TestFixture]
public sealed class TrainerTests : FolderTest
{
    private static readonly AddingProblem Task = new(8);

    private static readonly TrainingOptions Periods = new()
    {
        Batch = 4,
        StepsPerEpoch = 5,
        Plateau = new Plateau(0.5f, 1, 0),
        Epochs = 6,
    };

    private string File => PathOf("training.safetensors");

    [Test]
    public void An_endless_set_has_epochs_of_as_many_steps_as_asked_for()
    {
        using Sequential model = Model();
        using Trainer trainer = Trainer(model, Periods, rate: 0.1f);
        var ends = new List<long>();

        StopReason reason = trainer.Run(progress: now =>
        {
            if (now.Ended is not null)
                ends.Add(now.Steps);
        });

        Assert.That(reason, Is.EqualTo(StopReason.Epochs));
        Assert.That(ends, Is.EqualTo(new long[] { 5, 10, 15, 20, 25, 30 }));
        double best = trainer.History.Min(e => e.Valid!.Value);
        Assert.That(trainer.BestEpoch!.Valid, Is.EqualTo(best));
        Assert.That(trainer.EvaluateBest(Task.HeldOut(20)), Is.EqualTo(best));
        trainer.RestoreBest();
        Assert.That(trainer.Evaluate(), Is.EqualTo(best));
    }

    [Test]
    public void Epochs_of_an_endless_set_are_resumed_bit_for_bit([Values(0, 3, 10, 13)] int at)
    {
        using Sequential model = Model();
        using Trainer straight = Trainer(model, Periods, rate: 0.1f);
        straight.Run();
        using (Sequential half = Model())
        using (Trainer first = Trainer(half, Periods, rate: 0.1f))
        {
            for (int i = 0; i < at; i++)
                first.TrainStep();
            first.Save(File, new Dictionary<string, string>());
        }
        using Sequential rest = Model();
        using Trainer second = Trainer(rest, Periods, rate: 0.3f);
        second.Resume(File);
        second.Run();

        Assert.That(
            second.History.Select(e => (e.Train, e.Valid, e.LearningRate)),
            Is.EqualTo(straight.History.Select(e => (e.Train, e.Valid, e.LearningRate)))
        );
        Close.CheckBits(
            second.Plan.Parameters.ToArray(),
            straight.Plan.Parameters.ToArray(),
            "parameters"
        );
        using Sequential other = Model();
        using Trainer unlike = Trainer(other, Periods with { StepsPerEpoch = 4 });
        Assert.That(
            () => unlike.Resume(File),
            Throws
                .TypeOf<CheckpointException>()
                .With.Message.Contains("5 steps an epoch")
                .And.Message.Contains("4 steps an epoch")
        );
    }

    [Test]
    public void A_finite_set_needs_no_validation()
    {
        using Sequential model = Model();
        var options = new TrainingOptions { Batch = 4, Epochs = 2 };
        using Trainer trainer = Trainer(model, options, Task.Part(1, 0, 10), validation: null);

        Assert.That(trainer.Run(), Is.EqualTo(StopReason.Epochs));

        Assert.That(trainer.Step, Is.EqualTo(6), "two of four and one of two sequences, twice");
        Assert.That(trainer.History.Select(e => e.Valid), Is.All.Null);
        Assert.That(trainer.BestEpoch, Is.Null);
        Assert.That(trainer.RestoreBest, Throws.InvalidOperationException);
        Assert.That(() => trainer.Evaluate(), Throws.InvalidOperationException);
        Assert.That(trainer.EvaluateBest(Task.HeldOut(5)), Is.Positive);
        trainer.Save(File, new Dictionary<string, string>());
        using Sequential other = Model();
        using Trainer rest = Trainer(
            other,
            options with
            {
                Epochs = 3,
            },
            Task.Part(1, 0, 10),
            validation: null
        );
        rest.Resume(File);
        Assert.That(rest.Run(), Is.EqualTo(StopReason.Epochs));
        Assert.That(rest.History, Has.Count.EqualTo(3));
    }

    [Test]
    public void Training_ends_after_its_steps_or_without_a_better_validation()
    {
        using Sequential model = Model();
        using Trainer steps = Trainer(model, new TrainingOptions { Batch = 4, Steps = 7 });
        Assert.That(steps.Run(), Is.EqualTo(StopReason.Steps));
        Assert.That(steps.Step, Is.EqualTo(7));
        Assert.That(steps.Run(), Is.EqualTo(StopReason.Steps), "and stays so");

        using Sequential other = Model();
        using Trainer patient = Trainer(
            other,
            new TrainingOptions
            {
                Batch = 4,
                StepsPerEpoch = 2,
                Patience = 3,
            },
            rate: 0f
        );
        Assert.That(patient.Run(), Is.EqualTo(StopReason.Patience));
        Assert.That(patient.History, Has.Count.EqualTo(4));
    }

    [Test]
    public void Training_that_nothing_would_end_is_refused()
    {
        using Sequential model = Model();
        using Trainer trainer = Trainer(model, new TrainingOptions { Batch = 4 });
        Assert.That(
            () => trainer.Run(),
            Throws.InvalidOperationException.With.Message.Contains("set Steps or Epochs")
        );
        Assert.That(trainer.Run(TimeSpan.Zero), Is.EqualTo(StopReason.Budget));
    }

    [Test]
    public void What_does_not_go_together_is_refused()
    {
        using Sequential model = Model();
        using var answers = new Sequential(new Gru(2, 3), new Linear(3, 1));
        long taken = Backends.Get(256, 1).Memory.CurrentBytes;
        Assert.Multiple(() =>
        {
            foreach (
                (TrainingOptions wrong, string part) in new[]
                {
                    (new TrainingOptions { Epochs = 3 }, "Epochs must be null"),
                    (new TrainingOptions { Patience = 3 }, "Patience must be 0 without epochs"),
                    (
                        new TrainingOptions { Plateau = new Plateau() },
                        "Plateau must be null without epochs"
                    ),
                    (new TrainingOptions { StepsPerEpoch = 0 }, "StepsPerEpoch must be at least 1"),
                    (new TrainingOptions { Steps = 0 }, "Steps must be at least 1"),
                    (new TrainingOptions { LogEvery = -1 }, "LogEvery must be at least 0"),
                }
            )
                Refusal
                    .Of<ArgumentOutOfRangeException>("", () => Trainer(model, wrong), part)
                    .Check();
            Refusal
                .Of<ArgumentException>(
                    "",
                    () =>
                        Trainer(
                            model,
                            new TrainingOptions { StepsPerEpoch = 3 },
                            Task.Part(1, 0, 10),
                            validation: null
                        ),
                    "'adding' is finite"
                )
                .Check();
            Refusal
                .Of<ArgumentException>(
                    "",
                    () => Trainer(model, new TrainingOptions(), Task, validation: Task),
                    "'adding' is endless",
                    "'validation'"
                )
                .Check();
            Refusal
                .Of<ArgumentException>(
                    "",
                    () => Trainer(answers, new TrainingOptions()),
                    "one target a sequence, and the model one output a step"
                )
                .Check();
        });
        model.Dispose();
        answers.Dispose();
        Assert.That(Backends.Get(256, 1).Memory.CurrentBytes - taken, Is.LessThan(100_000));
    }

    private static Sequential Model() => new(new Gru(2, 3), new Last(3), new Linear(3, 1));

    private static Trainer Trainer(Layer model, TrainingOptions options, float rate = 0.01f) =>
        Trainer(model, options, Task, Task.HeldOut(20), rate);

    private static Trainer Trainer(
        Layer model,
        TrainingOptions options,
        Dataset train,
        Dataset? validation,
        float rate = 0.01f
    ) => new(model, train, validation, Backends.Get(256, 1), plan => new Adam(plan, rate), options);
}
