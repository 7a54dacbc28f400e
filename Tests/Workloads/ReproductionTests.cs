using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Files;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// Reproductions run through the library: their results, interruption and resumption from checkpoints, and what is refused.
/// </summary>
[TestFixture]
public sealed class ReproductionTests : FolderTest
{
    /// <summary>The fields of a result in JSON, in their order.</summary>
    internal static readonly string[] Fields =
    [
        "task",
        "arch",
        "preset",
        "length",
        "parameters",
        "parameter_budget",
        "data",
        "metric",
        "higher_is_better",
        "loss",
        "paper",
        "valid",
        "test",
        "seeds",
        "epochs",
        "epochs_asked",
        "seconds",
        "peak_bytes",
        "finished",
        "runs",
    ];

    private const string Texts = """
        {
          "schema": "sequor.presets/1",
          "training": {
            "music": { "optimizer": "adam", "rate": 0.01, "clip": 1, "batch": 2, "epochs": 4 },
            "drawn": { "optimizer": "rmsprop", "rate": 0.01, "batch": 16, "epochs": 2, "sequences": 50 }
          },
          "presets": [
            {
              "task": "jsb", "arch": "gru", "preset": "tiny", "training": "music", "budget": 3144, "paper": 8.5,
              "model": { "hidden": 8, "depth": 1, "dropout": 0.2 }
            },
            {
              "task": "jsb", "arch": "lru", "preset": "tiny", "training": "music", "budget": 1950,
              "model": { "hidden": 8, "depth": 1, "states": 6, "dropout": 0.2, "min_radius": 0, "max_radius": 0.9 }
            },
            {
              "task": "adding", "arch": "tcn", "preset": "tiny", "training": "drawn", "length": 10, "budget": 161,
              "model": { "hidden": 4, "depth": 2, "kernel": 2, "dropout": 0 }
            },
            {
              "task": "copy", "arch": "lru", "preset": "tiny", "training": "drawn", "length": 5, "budget": 186,
              "model": { "hidden": 4, "depth": 1, "states": 4, "dropout": 0 }
            }
          ]
        }
        """;

    private static readonly IReadOnlyList<Preset> All = Presets.Read(Texts, "tiny");

    private static Backend Cpu => Backends.Get(256, 2);

    private string Saved => PathOf("checkpoint");

    [Test]
    public void A_result_says_what_was_trained_and_what_came_out([Values(0, 1)] int which)
    {
        Preset preset = All[which];
        var reproduction = new Reproduction(preset, Songs.Load(), Cpu);
        int steps = 0;

        ReproductionResult result = reproduction.Run(
            new ReproductionOptions { Seed = 3 },
            p =>
            {
                steps++;
                Assert.That(p.Epochs, Is.EqualTo(4));
                Assert.That(p.Now.StepsPerEpoch, Is.EqualTo(3));
                Assert.That(p.Best is null, Is.EqualTo(p.Now.Epoch == 1 && p.Now.Step < 3));
            }
        );

        Assert.Multiple(() =>
        {
            Assert.That(steps, Is.EqualTo(12));
            Assert.That(
                (result.Task, result.Arch, result.Preset),
                Is.EqualTo(("jsb", preset.Arch, "tiny"))
            );
            Assert.That(result.Parameters, Is.EqualTo(preset.Budget).Within(5).Percent);
            Assert.That(result.Metric, Is.EqualTo("nll"));
            Assert.That(result.Paper, Is.EqualTo(preset.Paper));
            Assert.That(result.Valid, Is.EqualTo(result.Runs[0].Epochs.Min(e => e.Valid)));
            Assert.That(result.Test, Is.GreaterThan(0));
            Assert.That((result.Seeds, result.Epochs), Is.EqualTo((1, 4)));
            Assert.That(result.Seconds, Is.GreaterThan(0));
            Assert.That(result.PeakBytes, Is.GreaterThan(4 * 4 * result.Parameters));
            Assert.That(result.Finished, Is.True);
            Assert.That(result.Runs[0].Stopped, Is.EqualTo(StopReason.Epochs));
        });
    }

    [Test]
    public void Written_as_JSON_a_result_has_the_fields_of_the_schema()
    {
        ReproductionResult result = Run(All[0], new ReproductionOptions());

        using JsonDocument json = JsonSerializer.SerializeToDocument(result);

        Assert.That(json.RootElement.EnumerateObject().Select(p => p.Name), Is.EqualTo(Fields));
    }

    [Test]
    public void Cancelled_and_resumed_it_ends_as_if_it_had_not_been()
    {
        ReproductionResult straight = Run(All[0], new ReproductionOptions());
        var options = new ReproductionOptions { Checkpoint = Saved, SaveEvery = TimeSpan.Zero };
        using var source = new CancellationTokenSource();

        ReproductionResult cut = Run(
            All[0],
            options,
            p =>
            {
                if (p.Now is { Epoch: 2, Step: 2 })
                    source.Cancel();
            },
            source.Token
        );
        ReproductionResult resumed = Run(All[0], options);

        Assert.Multiple(() =>
        {
            Assert.That(cut.Finished, Is.False);
            Assert.That(cut.Epochs, Is.EqualTo(1));
            Assert.That(cut.Valid, Is.EqualTo(straight.Runs[0].Epochs[0].Valid));
            Assert.That(cut.Test, Is.Null);
            Assert.That(resumed.Finished, Is.True);
            Assert.That(resumed.Valid, Is.EqualTo(straight.Valid));
            Assert.That(resumed.Test, Is.EqualTo(straight.Test));
            Assert.That(resumed.PeakBytes, Is.EqualTo(straight.PeakBytes));
            Assert.That(
                resumed.Runs[0].Epochs.Select(e => (e.Train, e.Valid)),
                Is.EqualTo(straight.Runs[0].Epochs.Select(e => (e.Train, e.Valid)))
            );
        });
        ReproductionResult again = Run(All[0], options, _ => Assert.Fail("nothing is left to do"));
        Assert.That(again.Test, Is.EqualTo(straight.Test));
    }

    [Test]
    public void With_no_time_for_an_epoch_there_are_figures_all_the_same()
    {
        ReproductionResult result = Run(All[0], new ReproductionOptions { Budget = TimeSpan.Zero });

        Assert.That(result.Finished, Is.False);
        Assert.That(result.Epochs, Is.Zero);
        Assert.That(result.Valid, Is.GreaterThan(10));
        Assert.That(result.Test, Is.GreaterThan(10));
    }

    [Test]
    public void A_checkpoint_of_something_else_is_refused_and_kept()
    {
        Run(All[0], new ReproductionOptions { Checkpoint = Saved });
        byte[] before = File.ReadAllBytes(Saved);
        Assert.Multiple(() =>
        {
            Assert.That(
                () => Run(All[1], new ReproductionOptions { Checkpoint = Saved }),
                Throws
                    .TypeOf<CheckpointException>()
                    .With.Message.Contains("arch: gru in the file, lru here")
            );
            Assert.That(
                () => Run(All[0], new ReproductionOptions { Checkpoint = Saved, Seed = 2 }),
                Throws
                    .TypeOf<CheckpointException>()
                    .With.Message.Contains("seed: 1 in the file, 2 here")
            );
        });
        Assert.That(File.ReadAllBytes(Saved), Is.EqualTo(before));
    }

    [Test]
    public void The_peak_of_memory_outlasts_an_interruption()
    {
        var options = new ReproductionOptions { Checkpoint = Saved };
        Run(All[0], options);
        SafetensorsEdit.Change(Saved, texts: texts => texts["peak_bytes"] = "123456789012");

        Assert.That(Run(All[0], options).PeakBytes, Is.EqualTo(123456789012));

        foreach (string wrong in (string[])["-1", "1e9", ""])
        {
            SafetensorsEdit.Change(Saved, texts: texts => texts["peak_bytes"] = wrong);
            Assert.That(
                () => Run(All[0], options),
                Throws
                    .TypeOf<CheckpointException>()
                    .With.Message.Contains(Saved)
                    .And.Message.Contains("'peak_bytes'")
            );
        }
    }

    [Test]
    public void A_run_that_is_over_is_not_saved_again()
    {
        var options = new ReproductionOptions { Checkpoint = Saved, SaveEvery = TimeSpan.Zero };
        ReproductionResult first = Run(All[0], options);
        File.SetLastWriteTimeUtc(Saved, DateTime.UnixEpoch);

        ReproductionResult again = Run(All[0], options);

        Assert.That(File.GetLastWriteTimeUtc(Saved), Is.EqualTo(DateTime.UnixEpoch));
        Assert.That(again.Seconds, Is.EqualTo(first.Seconds).Within(1e-6));
    }

    [TestCase(2, "mse")]
    [TestCase(3, "cross-entropy")]
    public void Drawn_tasks_need_no_file(int which, string metric)
    {
        ReproductionResult result = new Reproduction(All[which], null, Cpu).Run(
            new ReproductionOptions()
        );

        Assert.That(result.Metric, Is.EqualTo(metric));
        Assert.That(result.Epochs, Is.EqualTo(2));
        Assert.That(result.Test, Is.GreaterThan(0));
    }

    [Test]
    public void Data_too_few_or_too_many_are_refused()
    {
        Assert.Multiple(() =>
        {
            Assert.That(
                () => new Reproduction(All[0], null, Cpu),
                Throws.ArgumentException.With.Message.Contains("jsb needs data")
            );
            Assert.That(
                () => new Reproduction(All[2], Songs.Load(), Cpu),
                Throws.ArgumentException.With.Message.Contains("adding takes no data")
            );
        });
    }

    [Test]
    public void Seeds_are_joined_to_their_mean()
    {
        ReproductionResult first = Run(All[0], new ReproductionOptions { Seed = 1 });
        ReproductionResult second = Run(All[0], new ReproductionOptions { Seed = 2 });
        Assert.That(first.Test, Is.Not.EqualTo(second.Test));

        ReproductionResult both = ReproductionResult.Join([first, second]);

        Assert.Multiple(() =>
        {
            Assert.That(both.Seeds, Is.EqualTo(2));
            Assert.That(both.Test, Is.EqualTo((first.Test + second.Test) / 2).Within(1e-12));
            Assert.That(both.Epochs, Is.EqualTo(8));
            Assert.That(both.Runs.Select(run => run.Seed), Is.EqualTo(new[] { 1UL, 2UL }));
            Assert.That(both.Finished, Is.True);
            Assert.That(
                ReproductionResult.Join([first, second with { Finished = false }]).Finished,
                Is.False
            );
        });
        Assert.That(() => ReproductionResult.Join([]), Throws.ArgumentException);
    }

    [Test]
    public void A_run_that_diverges_after_an_epoch_has_the_best_epochs_figures()
    {
        var options = new ReproductionOptions { Checkpoint = Saved, SaveEvery = TimeSpan.Zero };
        using var source = new CancellationTokenSource();
        Run(
            All[0],
            options,
            p =>
            {
                if (p.Now is { Epoch: 2, Step: 1 })
                    source.Cancel();
            },
            source.Token
        );
        ReproductionResult atBest = Run(All[0], options with { Budget = TimeSpan.FromTicks(1) });
        // With such a learning rate the next updates lead out of all bounds.
        SafetensorsEdit.Change(
            Saved,
            (name, values) =>
            {
                if (name == "optimizer.state")
                    values[OptimizerUpdate.LearningRate] = 1e38f;
            }
        );
        byte[] before = File.ReadAllBytes(Saved);

        ReproductionResult result = Run(All[0], options with { SaveEvery = TimeSpan.FromHours(1) });

        ReproductionRun run = result.Runs.Single();
        Assert.Multiple(() =>
        {
            Assert.That(run.Stopped, Is.EqualTo(StopReason.Diverged));
            Assert.That(run.Reason, Does.Contain("epoch 2").And.Contain("not finite"));
            Assert.That(run.BestEpoch, Is.EqualTo(1));
            Assert.That(atBest.Runs[0].Stopped, Is.EqualTo(StopReason.Budget));
            Assert.That(result.Test, Is.EqualTo(atBest.Test));
            Assert.That(result.Valid, Is.EqualTo(atBest.Valid));
            Assert.That(result.Finished, Is.False);
            Assert.That(ResultTexts.HowFar(result), Is.EqualTo("1 of 4, diverged"));
            Assert.That(File.ReadAllBytes(Saved), Is.EqualTo(before), "the checkpoint");
        });
    }

    private static ReproductionResult Run(
        Preset preset,
        ReproductionOptions options,
        Action<ReproductionProgress>? progress = null,
        CancellationToken cancellation = default
    ) => new Reproduction(preset, Songs.Load(), Cpu).Run(options, progress, cancellation);
}
