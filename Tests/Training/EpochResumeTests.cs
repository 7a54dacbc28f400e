using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>
/// Checkpoints of training by epochs: resuming gives the same bits, and foreign or damaged files change nothing.
/// </summary>
[TestFixture]
public sealed class EpochResumeTests : FolderTest
{
    private static readonly Dictionary<string, string> Texts = new() { ["task"] = "songs" };

    private static readonly TrainingOptions Options = new()
    {
        Batch = 2,
        Epochs = 6,
        Clip = 0.5f,
        Plateau = new Plateau(0.5f, 2, 1),
        Seed = 9,
    };

    private static readonly TrainingOptions Scheduled = Options with
    {
        Schedule = new WarmupCosine(17, 4, 0.001f),
    };

    private string File => PathOf("training.safetensors");

    [Test]
    public void Interrupted_anywhere_training_ends_with_the_same_bits(
        [Values("tcn", "gru", "lru", "batch lru")] string arch,
        [Values] bool scheduled
    )
    {
        TrainingOptions options = scheduled ? Scheduled : Options;
        using Sequential model = Tiny.Model(arch, 0.3f);
        using Trainer straight = Trainer(model, options);
        straight.Run();
        // Of these at least the rate falls on the way, at a plateau or by the schedule.
        if (scheduled || arch is "tcn" or "gru")
            Assert.That(straight.Optimizer.LearningRate, Is.LessThan(0.1f));

        // Three steps an epoch: within the first, at the end of one, within a later one, and the end.
        foreach (int at in new[] { 0, 1, 3, 8, 13, 18 })
        {
            using (Sequential half = Tiny.Model(arch, 0.3f))
            using (Trainer first = Trainer(half, options))
            {
                for (int i = 0; i < at; i++)
                    first.TrainStep();
                first.Save(File, Texts);
            }
            using Sequential rest = Tiny.Model(arch, 0.3f);
            // The highest rate comes from the file.
            using Trainer second = Trainer(rest, options, 0.3f);
            // Whatever was done before is forgotten.
            second.TrainStep();
            second.TrainStep();
            second.Resume(File);
            Assert.That(second.Step, Is.EqualTo(at));
            second.Run();
            Same(second, straight, $"interrupted at {at}");
        }
    }

    [Test]
    public void A_plateau_lowers_the_highest_rate_of_a_schedule()
    {
        TrainingOptions options = Options with
        {
            Epochs = 12,
            Plateau = new Plateau(0.5f, 1, 0),
            Schedule = new WarmupCosine(50, 4, 0.001f),
        };
        using Sequential model = Tiny.Model("gru");
        using Trainer trainer = Trainer(model, options, 0.5f);
        trainer.Run();
        float highest = 0.5f;
        int plateaus = 0;
        for (int i = 0; i < trainer.History.Count; i++)
        {
            EpochRecord record = trainer.History[i];
            long last = (long)record.Epoch * trainer.StepsPerEpoch - 1;
            Assert.That(
                record.LearningRate,
                Is.EqualTo(options.Schedule.RateAt(last, highest)),
                $"epoch {record.Epoch}"
            );
            if (i > 0 && record.Valid > trainer.History[i - 1].Valid)
            {
                highest *= 0.5f;
                plateaus++;
            }
        }
        Assert.That(plateaus, Is.InRange(1, 11), "plateaus");

        trainer.Save(File, Texts);
        using Sequential rest = Tiny.Model("gru");
        using Trainer more = Trainer(rest, options with { Epochs = 13 }, 0.5f);
        more.Resume(File);
        more.TrainStep();
        Assert.That(
            more.Optimizer.LearningRate,
            Is.EqualTo(options.Schedule.RateAt(more.Step - 1, highest))
        );
    }

    [Test]
    public void Saving_at_every_step_changes_nothing()
    {
        using Sequential model = Tiny.Model("gru", 0.3f);
        using Trainer straight = Trainer(model);
        straight.Run();
        using Sequential other = Tiny.Model("gru", 0.3f);
        using Trainer saving = Trainer(other);

        saving.Run(progress: _ => saving.Save(File, Texts));

        Same(saving, straight, "saved");
        Assert.That(Names(), Has.Length.EqualTo(1), "no other file is left");
    }

    [Test]
    public void A_finished_training_can_be_given_more_epochs()
    {
        using Sequential model = Tiny.Model("gru");
        using Trainer straight = Trainer(model);
        straight.Run();
        using (Sequential first = Tiny.Model("gru"))
        using (Trainer three = Trainer(first, Options with { Epochs = 3 }))
        {
            Assert.That(three.Run(), Is.EqualTo(StopReason.Epochs));
            three.Save(File, Texts);
        }
        using Sequential rest = Tiny.Model("gru");
        using Trainer six = Trainer(rest);
        six.Resume(File);
        six.Run();
        Same(six, straight, "of three and three");
    }

    [Test]
    public void The_time_goes_on_where_it_was()
    {
        using Sequential model = Tiny.Model("gru");
        using Trainer trainer = Trainer(model);
        trainer.TrainStep();
        trainer.Save(File, Texts);
        using Sequential rest = Tiny.Model("gru");
        using Trainer second = Trainer(rest);

        second.Resume(File);

        Assert.That(second.Elapsed, Is.GreaterThan(TimeSpan.Zero));
        Assert.That(second.Elapsed, Is.EqualTo(trainer.Elapsed).Within(TimeSpan.FromTicks(1)));
    }

    [Test]
    public void The_parameters_alone_can_be_had_for_any_plan()
    {
        using Sequential model = Tiny.Model("tcn");
        using Trainer trainer = Trainer(model);
        trainer.TrainStep();
        trainer.Save(File, Texts);
        using Sequential other = Tiny.Model("tcn");
        using Plan plan = other.Plan(Backends.Get(256, 1), 3, 1, Mode.Evaluation);

        Checkpoint.Load(File, plan, null);

        Close.CheckBits(plan.Parameters.ToArray(), trainer.Plan.Parameters.ToArray(), "parameters");
        Assert.That(Checkpoint.ReadInfo(File).Metadata["task"], Is.EqualTo("songs"));
    }

    [Test]
    public void A_checkpoint_of_something_else_is_refused_and_nothing_changes()
    {
        using (Sequential model = Tiny.Model("tcn", 0.3f))
        using (Trainer trainer = Trainer(model))
        {
            for (int i = 0; i < 7; i++)
                trainer.TrainStep();
            trainer.Save(File, Texts);
        }
        using Sequential gru = Tiny.Model("gru", 0.3f);
        using Sequential tcn = Tiny.Model("tcn", 0.3f);
        Assert.Multiple(() =>
        {
            using Trainer other = Trainer(gru);
            Assert.That(Refused(other), Does.Contain("model.0.weight_ih_l0: none in the file"));
            using Trainer scheduled = Trainer(tcn, Scheduled);
            Assert.That(
                Refused(scheduled),
                Does.Contain("training.schedule: none in the file, warm-up 4 of 17 steps, then")
            );
            using Trainer batch = Trainer(tcn, Options with { Batch = 3 });
            Assert.That(
                Refused(batch),
                Does.Contain("training.options").And.Contain("batch 2").And.Contain("batch 3")
            );
            using Trainer seed = Trainer(tcn, Options with { Seed = 3 });
            Assert.That(Refused(seed), Does.Contain("seed 9").And.Contain("seed 3"));
            MusicDataset less = MusicDataset.From(
                MatFile.Parse(
                    new MatWriter().File([
                        .. new[] { "traindata", "validdata", "testdata" }.Select(name =>
                            new MatWriter().Cells(name, new MatWriter().Roll(Songs.Roll(4, 1UL)))
                        ),
                    ]),
                    "less.mat"
                )
            );
            using Trainer data = Tiny.Trainer(tcn, Options, data: less);
            Assert.That(
                Refused(data),
                Does.Contain("training.data: 5 pieces of 23 steps")
                    .And.Contain("1 pieces of 3 steps")
            );
            using Trainer sgd = Tiny.Trainer(tcn, Options, optimizer: plan => new Sgd(plan, 0.1f));
            Assert.That(Refused(sgd), Does.Contain("optimizer: adam in the file, sgd here"));
        });
    }

    [Test]
    public void A_damaged_checkpoint_is_refused_and_nothing_changes()
    {
        using Sequential model = Tiny.Model("gru");
        using Trainer trainer = Trainer(model);
        for (int i = 0; i < 7; i++)
            trainer.TrainStep();
        trainer.Save(File, Texts);
        byte[] bytes = System.IO.File.ReadAllBytes(File);
        foreach (int length in new[] { 0, 7, 100, bytes.Length / 2, bytes.Length - 1 })
        {
            System.IO.File.WriteAllBytes(File, bytes[..length]);
            Refused(trainer);
        }
        System.IO.File.WriteAllBytes(File, bytes);
        foreach (
            (string key, string text) in new[]
            {
                ("training.history", "1 2 3"),
                ("training.history", "1 2 3 4;1 2 3 NaN"),
                ("training.history", "1 2 3 4;1 x 3 4"),
                ("training.history", ""),
                ("training.seconds", "-1"),
                ("training.seconds", "soon"),
                ("sequor.position", "100"),
                ("training.data", ""),
            }
        )
        {
            Rewrite(bytes, key, text);
            Assert.That(Refused(trainer), Does.Contain(File), $"{key} {text}");
        }
        using var plain = new Sequential(new Linear(2, 1));
        using Plan plan = plain.Plan(Backends.Get(256, 2), 1, 1, Mode.Training);
        using var adam = new Adam(plan, 0.1f);
        Checkpoint.Save(File, plan, adam, 1, Texts);
        Assert.That(Refused(trainer), Does.Contain("no checkpoint of training in epochs"));
        System.IO.File.Delete(File);
        Assert.That(() => trainer.Resume(File), Throws.InstanceOf<IOException>());
    }

    [Test]
    public void Names_that_are_kept_are_refused()
    {
        using Sequential model = Tiny.Model("gru");
        using Trainer trainer = Trainer(model);
        foreach (string key in new[] { "training.x", "sequor.x", "format" })
            Assert.That(
                () => trainer.Save(File, new Dictionary<string, string> { [key] = "" }),
                Throws.ArgumentException.With.Message.Contains(key)
            );
        Assert.That(Names(), Is.Empty);
    }

    private static Trainer Trainer(
        Layer model,
        TrainingOptions? options = null,
        float rate = 0.1f
    ) => Tiny.Trainer(model, options ?? Options, optimizer: plan => new Adam(plan, rate));

    private static void Same(Trainer actual, Trainer expected, string what)
    {
        Assert.That(
            actual.History.Select(e => (e.Epoch, e.Train, e.Valid, e.LearningRate)),
            Is.EqualTo(expected.History.Select(e => (e.Epoch, e.Train, e.Valid, e.LearningRate))),
            what
        );
        Assert.That(actual.BestEpoch!.Epoch, Is.EqualTo(expected.BestEpoch!.Epoch), what);
        Close.CheckBits(
            actual.Plan.Store.State.ToArray(),
            expected.Plan.Store.State.ToArray(),
            $"parameters and buffers {what}"
        );
        MusicPieces test = Songs.Load().Test;
        Assert.That(actual.EvaluateBest(test), Is.EqualTo(expected.EvaluateBest(test)), what);
    }

    private string Refused(Trainer trainer)
    {
        float[] before = trainer.Plan.Parameters.ToArray();
        (long step, int epochs) = (trainer.Step, trainer.History.Count);
        var e = Assert.Throws<CheckpointException>(() => trainer.Resume(File));
        Close.CheckBits(trainer.Plan.Parameters.ToArray(), before, "parameters");
        Assert.That((trainer.Step, trainer.History.Count), Is.EqualTo((step, epochs)));
        return e?.Message ?? "";
    }

    private void Rewrite(byte[] bytes, string key, string text)
    {
        string from = PathOf("from");
        System.IO.File.WriteAllBytes(from, bytes);
        using SafetensorsFile file = Safetensors.Open(from);
        var metadata = new Dictionary<string, string>(file.Metadata) { [key] = text };
        Safetensors.WriteChecked(
            File,
            [
                .. file.Entries.Select(entry =>
                    SafetensorsTensor.Of(
                        entry.Name,
                        file.ReadFloats(entry.Name),
                        entry.Shape.ToArray().AsSpan()
                    )
                ),
            ],
            metadata
        );
    }
}
