using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tests.Workloads;

/// <summary>Reproductions of tasks whose results are told as an accuracy: beside the loss, which decides the best epoch.</summary>
[TestFixture]
public sealed class ScoredReproductionTests : FolderTest
{
    private static readonly IReadOnlyList<Preset> All = Presets.Read(
        """
        {
          "schema": "sequor.presets/1",
          "training": {
            "pixels": { "optimizer": "adam", "rate": 0.01, "batch": 8, "epochs": 2 },
            "drawn": { "optimizer": "adam", "rate": 0.01, "batch": 8, "epochs": 2, "sequences": 30 }
          },
          "presets": [
            {
              "task": "smnist", "arch": "gru", "preset": "tiny", "training": "pixels", "budget": 134, "paper": 96.2,
              "model": { "hidden": 4, "depth": 1, "dropout": 0 }
            },
            {
              "task": "listops", "arch": "gru", "preset": "tiny", "training": "drawn", "budget": 234, "length": 24,
              "model": { "hidden": 4, "depth": 1, "dropout": 0 }
            }
          ]
        }
        """,
        "tests"
    );

    private static Backend Cpu => Backends.Get(256, 1);

    private ReproductionResult Run(
        Preset preset,
        ReproductionOptions options,
        CancellationToken stop = default
    )
    {
        TaskData? data = null;
        if (preset.Task == "smnist")
        {
            MnistFiles.Write(Folder, 30, 7, gzip: false);
            data = preset.TaskEntry.Load(Folder);
        }
        return new Reproduction(preset, data, Cpu).Run(options, null, stop);
    }

    [Test]
    public void Results_are_told_as_accuracy_and_the_best_epoch_goes_by_the_loss(
        [Values(0, 1)] int which
    )
    {
        Preset preset = All[which];
        ReproductionResult result = Run(preset, new ReproductionOptions());

        ReproductionRun run = result.Runs[0];
        int valid = which == 0 ? 3 : 2000;
        int test = which == 0 ? 7 : 2000;
        Assert.Multiple(() =>
        {
            Assert.That(
                (result.Metric, result.HigherIsBetter, result.Loss),
                Is.EqualTo(("accuracy", true, "cross-entropy"))
            );
            Assert.That(run.ValidLoss, Is.EqualTo(run.Curve.Min(point => point.Valid)));
            Assert.That(run.BestEpoch, Is.EqualTo(run.Curve.MinBy(point => point.Valid)!.Epoch));
            Assert.That(run.TestLoss, Is.Positive);
            Assert.That(Right(run.Valid, valid), Is.True, $"{run.Valid}");
            Assert.That(Right(run.Test, test), Is.True, $"{run.Test}");
            Assert.That(result.Test, Is.EqualTo(run.Test));
            Assert.That(run.Answers!.Count, Is.EqualTo(test));
            Assert.That(
                Enumerable.Range(0, test).Count(i => run.Answers[i]) * 100.0 / test,
                Is.EqualTo(run.Test).Within(1e-9)
            );
        });
        string page = ReproductionPage.Render(
            new ReproductionReport
            {
                Machine = Made.Machine(),
                Date = "2026-11-21T12:00:00Z",
                Device = "cpu",
                Threads = 1,
                Results = [result with { Paper = 96.5, Test = 50 }],
            }
        );
        Assert.That(page, Does.Contain("\u221246.5 points").And.Contain("loss (cross-entropy)"));

        // A whole number of answers.
        static bool Right(double? percent, int count)
        {
            double right = percent!.Value / 100 * count;
            return Math.Abs(right - Math.Round(right)) < 1e-9 && right >= 0 && right <= count;
        }
    }

    [Test]
    public void Without_time_the_accuracy_is_that_of_the_beginning_and_a_cancelled_run_has_none()
    {
        ReproductionResult none = Run(All[0], new ReproductionOptions { Budget = TimeSpan.Zero });
        Assert.That(none.Valid, Is.InRange(0, 100));
        Assert.That(none.Runs[0].ValidLoss, Is.Positive);
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        ReproductionResult cancelled = Run(All[0], new ReproductionOptions(), stop.Token);
        Assert.That((cancelled.Valid, cancelled.Test), Is.EqualTo(((double?)null, (double?)null)));
    }

    [Test]
    public void A_run_that_is_resumed_ends_with_the_same_results()
    {
        ReproductionResult straight = Run(All[1], new ReproductionOptions());
        var options = new ReproductionOptions { Checkpoint = PathOf("saved") };
        Run(All[1], options with { Budget = TimeSpan.FromTicks(1) });
        ReproductionResult resumed = Run(All[1], options);
        Assert.That(
            (resumed.Valid, resumed.Test, resumed.Runs[0].TestLoss),
            Is.EqualTo((straight.Valid, straight.Test, straight.Runs[0].TestLoss))
        );
    }
}
