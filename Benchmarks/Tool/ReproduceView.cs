using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>How reproductions look to people.</summary>
internal sealed class ReproduceView(Screen screen, ReproduceJob job)
{
    private const int PlainLines = 20;

    private ReproduceRun _run = null!;
    private int _begun;
    private bool _trained;

    public void Header(Machine machine)
    {
        screen.Line(BenchView.MachineLine(machine));
        screen.Line($"device {job.Device.Device}: {job.Device.Description} ({job.Device.Reason})");
        string limit = job.Budget is { } budget
            ? Text($", at most {budget.TotalMinutes:0.####} min of training each")
            : "";
        screen.Line(Figures.Several(job.Runs.Count, "run") + limit);
    }

    public void Begin(ReproduceRun run)
    {
        (_run, _trained) = (run, false);
        _begun++;
        Preset preset = run.Preset;
        using Sequential model = preset.CreateModel();
        string paper = preset.Paper is { } figure
            ? $"the paper has {preset.Score} {Number(figure)}"
            : "no paper has a figure";
        screen.Line();
        screen.Line(
            Text(
                $"{run} ({_begun} of {job.Runs.Count}): {Figures.Several(model.ParameterCount, "parameter")}; "
            ) + paper
        );
        if (run.Saved is not { } saved)
            return;
        screen.Line(Text($"goes on after step {saved.Position} of {run.Checkpoint}"));
        if (job.Threads is { } threads && run.SavedThreads is { } was && was != threads)
        {
            screen.Line(
                Text(
                    $"note: the checkpoint is of a run on {Figures.Several(was, "thread")}; on {threads} the results agree but for rounding"
                )
            );
        }
    }

    public void Step(ProgressLine progress, ReproductionProgress p)
    {
        _trained = true;
        if (screen.ShowsProgress)
        {
            (double done, TimeSpan left) = Remaining(p);
            progress.Show(
                done,
                () => $"{_run}: {Where(p)}{Best(p)}  {TrainView.Duration(left)} left"
            );
        }
        int every = Math.Max(1, p.Epochs / PlainLines);
        if (
            screen.KeepsLines
            && p.Now.Ended is { } ended
            && (ended.Epoch == 1 || ended.Epoch % every == 0)
        )
        {
            progress.Clear();
            screen.Line(
                $"{Where(p)}  training {Number(ended.Train)}  validation {Number(ended.Valid)}{Best(p)}"
            );
        }
    }

    public void End(ReproductionResult result)
    {
        ReproductionRun run = result.Runs[0];
        string time = TrainView.Duration(TimeSpan.FromSeconds(result.Seconds));
        if (run.Stopped == StopReason.Cancelled)
        {
            screen.Line(
                $"interrupted after {Figures.Several(result.Epochs, "epoch")}, {time}; "
                    + (
                        _run.Checkpoint is { } path
                            ? $"saved to {path}; the same command goes on from there"
                            : "nothing is saved: --checkpoint FOLDER would"
                    )
            );
            return;
        }
        string end = run.Stopped switch
        {
            StopReason.Budget => "cut by the budget",
            StopReason.Patience =>
                $"no better for {Figures.Several(_run.Preset.Training.Patience, "epoch")}",
            _ => "all epochs done",
        };
        string best =
            run.BestEpoch > 0
                ? Text($"epoch {run.BestEpoch} of {result.Epochs}")
                : "no epoch came to its end";
        screen.Line(
            $"test {result.Metric} {Number(run.Test)}, validation {Number(run.Valid)} ({best}); {time}, {end}"
                + (_trained || _run.Saved is null ? "" : " before")
        );
    }

    public void Diverged() => screen.Line("diverged: no result");

    public void Results(IReadOnlyList<ReproductionResult> results, bool interrupted)
    {
        screen.Line();
        if (results.Count > 0)
            Table(results, interrupted);
        if (results.Any(r => r.Runs.Any(run => run.Stopped == StopReason.Budget)))
        {
            screen.Line(
                Text(
                    $"Cut by the budget: training was not over after {job.Budget?.TotalMinutes:0.####} min; the figures are of the best epoch until then, or of the last step where none had ended."
                )
            );
        }
        if (interrupted)
            screen.Line("Interrupted: not all runs came to their end.");
    }

    private void Table(IReadOnlyList<ReproductionResult> results, bool interrupted)
    {
        screen.Table(
            "Test at the best validation, beside the paper's figure",
            [
                "model",
                "params",
                "metric",
                "test",
                "paper",
                "x paper",
                "epochs",
                "seconds",
                "training",
            ],
            results.Select(r =>
                (string[])
                    [
                        $"{r.Task} {r.Arch} {r.Preset}",
                        Text($"{r.Parameters}"),
                        r.Metric,
                        Number(r.Test),
                        Number(r.Paper),
                        r.Test / r.Paper is { } ratio ? Text($"{ratio:0.000}") : "-",
                        Text($"{r.Epochs}"),
                        Text($"{r.Seconds:0.0}"),
                        Ended(r),
                    ]
            )
        );
        string seeds =
            job.Seeds > 1
                ? Text($" Means over {job.Seeds} seeds; epochs and seconds are their sums.")
                : "";
        screen.Line($"nll: nats a frame. accuracy: percent of right answers, more is better. x paper: test divided by the paper's figure.{seeds}");

        string Ended(ReproductionResult r) =>
            r.Finished ? "finished"
            : r.Runs.Any(run => run.Stopped == StopReason.Budget) ? "cut by the budget"
            : interrupted && ReferenceEquals(r, results[^1]) ? "interrupted"
            : Text($"{r.Seeds} of {Figures.Several(job.Seeds, "seed")}");
    }

    // Training ends with its epochs or its time, whichever is first.
    private (double Done, TimeSpan Left) Remaining(ReproductionProgress p)
    {
        double done = (double)p.Now.Steps / ((long)p.Epochs * p.Now.StepsPerEpoch);
        TimeSpan left = p.Now.Elapsed * ((1 - done) / done);
        if (job.Budget is { } budget && budget - p.Now.Elapsed < left)
        {
            left = budget > p.Now.Elapsed ? budget - p.Now.Elapsed : TimeSpan.Zero;
            done = p.Now.Elapsed / budget;
        }
        return (done, left);
    }

    private static string Where(ReproductionProgress p) => Text($"epoch {p.Now.Epoch}/{p.Epochs}");

    private static string Best(ReproductionProgress p) =>
        p.Best is { } best ? $"  best {Number(best.Valid)}" + Text($" (epoch {best.Epoch})") : "";

    private static string Number(double? value) =>
        value is not { } v ? "-"
        : Math.Abs(v) >= 1 ? Text($"{v:0.000}")
        : Math.Abs(v) >= 1e-3 ? Text($"{v:0.0000}")
        : Text($"{v:0.00e+0}");

    private static string Text(FormattableString text) =>
        text.ToString(CultureInfo.InvariantCulture);
}
