using Sequor.Layers;
using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How reproductions look to people.</summary>
internal sealed class ReproduceView(Screen screen, ReproduceJob job)
{
    private const int PlainLines = 20;

    private const int LeftLines = 12;

    private ReproduceRun _run = null!;
    private ReproduceTurn _turn = null!;
    private TimeSpan? _begun;
    private int _turns;
    private bool _trained;

    public void Header(Machine machine)
    {
        screen.Line(BenchView.MachineLine(machine));
        screen.Line($"device {job.Device.Device}: {job.Device.Description} ({job.Device.Reason})");
        string limit = job.Budget is { } budget
            ? Text($", at most {budget.TotalMinutes:0.####} min of training each")
            : "";
        string total = job.TotalBudget is { } time
            ? $", {TrainView.Duration(time)} for all of them; the shortest come first"
            : "";
        screen.Line(Several(job.Runs.Count, "run") + limit + total);
    }

    public void Begin(ReproduceTurn turn)
    {
        ReproduceRun run = turn.Run;
        (_run, _turn, _trained, _begun) = (run, turn, false, null);
        _turns++;
        Preset preset = run.Preset;
        using Sequential model = preset.CreateModel();
        string paper = preset.Paper is { } figure
            ? $"the paper has {preset.Score} {Number(figure)}"
            : "no paper has a figure";
        screen.Line();
        screen.Line(
            Text(
                $"{run} ({_turns} of {job.Runs.Count}): {Several(model.ParameterCount, "parameter")}; "
            ) + paper
        );
        if (turn is { Expected: { } expected, TimeLeft: { } left })
        {
            screen.Line(
                $"{(turn.IsMeasured ? "about" : "at least")} {TrainView.Duration(expected)} with all of its epochs; {TrainView.Duration(left)} left"
            );
        }
        if (run.Saved is not { } saved)
            return;
        screen.Line(Text($"goes on after step {saved.Position} of {run.Checkpoint}"));
        if (job.Threads is { } threads && run.SavedThreads is { } was && was != threads)
        {
            screen.Line(
                Text(
                    $"note: the checkpoint is of a run on {Several(was, "thread")}; on {threads} the results agree but for rounding"
                )
            );
        }
    }

    public void Step(ProgressLine progress, ReproductionProgress p)
    {
        _trained = true;
        _begun ??= p.Now.Elapsed;
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
                $"interrupted after {Several(result.Epochs, "epoch")}, {time}; "
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
            StopReason.Diverged => $"diverged {run.Reason}",
            StopReason.Patience =>
                $"no better for {Several(_run.Preset.Training.Patience, "epoch")}",
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

    public void Results(ReproductionReport report, bool interrupted)
    {
        IReadOnlyList<ReproductionResult> results = report.Results;
        screen.Line();
        if (results.Count > 0)
            Table(results, interrupted);
        if (results.Any(r => r.Runs.Any(run => run.Stopped == StopReason.Budget)))
        {
            string when = job.TotalBudget is not null
                ? "when the time was over"
                : Text($"after {job.Budget?.TotalMinutes:0.####} min");
            screen.Line(
                $"Cut by the budget: training was not over {when}; the figures are of the best epoch until then, or of the last step where none had ended."
            );
        }
        if (results.Any(r => r.Runs.Any(run => run.Stopped == StopReason.Diverged)))
            screen.Line("Diverged: the figures are of the best epoch until then.");
        Left(report.Left ?? []);
        if (interrupted)
            screen.Line("Interrupted: not all runs came to their end.");
    }

    private void Left(IReadOnlyList<LeftRun> left)
    {
        if (left.Count == 0)
            return;
        screen.Line(
            $"Not begun: {Several(left.Count, "run")}."
                + (
                    job.Checkpoint is not null
                        ? " The same command goes on with them."
                        : " With --checkpoint FOLDER the same command would go on with them."
                )
        );
        foreach (LeftRun run in left.Take(LeftLines))
        {
            string time = run.Seconds is { } seconds
                ? $"; {(run.Measured ? "about" : "at least")} {TrainView.Duration(TimeSpan.FromSeconds(seconds))}"
                : "";
            screen.Line(
                Text($"  {run.Task} {run.Arch} {run.Preset}, seed {run.Seed}: ") + run.Reason + time
            );
        }
        if (left.Count > LeftLines)
            screen.Line(Text($"  and {left.Count - LeftLines} more"));
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
        screen.Line(
            $"nll: nats a frame. accuracy: percent of right answers, more is better. x paper: test divided by the paper's figure.{seeds}"
        );

        string Ended(ReproductionResult r) =>
            r.Finished ? "finished"
            : r.Runs.Any(run => run.Stopped == StopReason.Diverged) ? "diverged"
            : r.Runs.Any(run => run.Stopped == StopReason.Budget) ? "cut by the budget"
            : interrupted && ReferenceEquals(r, results[^1]) ? "interrupted"
            : Text($"{r.Seeds} of {Several(job.Seeds, "seed")}");
    }

    // Training ends with its epochs or its time, whichever is first.
    private (double Done, TimeSpan Left) Remaining(ReproductionProgress p)
    {
        double done = (double)p.Now.Steps / ((long)p.Epochs * p.Now.StepsPerEpoch);
        TimeSpan left = p.Now.Elapsed * ((1 - done) / done);
        if (Limit() is { } budget && budget - p.Now.Elapsed < left)
        {
            left = budget > p.Now.Elapsed ? budget - p.Now.Elapsed : TimeSpan.Zero;
            done = p.Now.Elapsed / budget;
        }
        return (done, left);
    }

    // The time of the run, that before an interruption included.
    private TimeSpan? Limit()
    {
        if (_turn.TimeLeft is not { } left)
            return job.Budget;
        TimeSpan all = (_begun ?? TimeSpan.Zero) + left;
        return job.Budget < all ? job.Budget : all;
    }

    private static string Where(ReproductionProgress p) => Text($"epoch {p.Now.Epoch}/{p.Epochs}");

    private static string Best(ReproductionProgress p) =>
        p.Best is { } best ? $"  best {Number(best.Valid)}" + Text($" (epoch {best.Epoch})") : "";

    private static string Number(double? value) =>
        value is not { } v ? "-"
        : v == 0 ? "0"
        : Math.Abs(v) >= 1 ? Text($"{v:0.000}")
        : Math.Abs(v) >= 1e-3 ? Text($"{v:0.0000}")
        : Text($"{v:0.00e+0}");
}
