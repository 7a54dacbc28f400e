using System.CommandLine;
using System.Text;
using Sequor.Layers;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tool;

/// <summary>sequor reproduce: trains the papers' models and sets what comes out beside the papers' figures.</summary>
internal static class ReproduceCommand
{
    public static Command Create()
    {
        var options = new ReproduceOptions();
        var command = new Command(
            "reproduce",
            "Trains the papers' models as the papers did, and sets the results beside theirs."
        );
        options.AddTo(command);
        command.SetAction(result =>
        {
            using var stop = new StopSignal();
            using ReproduceJob job = options.Read(result);
            stop.Hold();
            return Run(job, new Screen(job.Json, job.Html), stop);
        });
        return command;
    }

    private static int Run(ReproduceJob job, Screen screen, StopSignal stop)
    {
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        Machine machine = Machine.Read(job.Device);
        var view = new ReproduceView(screen, job);
        view.Header(machine);
        var results = new List<ReproductionResult>();
        var failed = new List<FailedRun>();
        var unsaved = new List<string>();
        bool interrupted = false;
        Exception? failure = null;
        ReproduceTurns? turns = null;
        while (true)
        {
            ReproduceTurn? turn = null;
            try
            {
                turns ??= new ReproduceTurns(job, stop.Token);
                turn = turns.Next();
            }
            catch (Exception e)
            {
                failure = e;
            }
            interrupted |= stop.IsRequested && (turn is not null || turns?.Left.Count > 0);
            if (turn is null || interrupted)
                break;
            ReproduceRun run = turn.Run;
            view.Begin(turn);
            var curve = new List<CurvePoint>();
            try
            {
                ReproductionResult result = Train(job, turn, view, screen, curve, stop.Token);
                results.Add(result);
                view.End(result);
                if (result.Unsaved is { } reason)
                    unsaved.Add($"{run}: {reason}");
                interrupted = result.Runs[0].Stopped == StopReason.Cancelled;
            }
            catch (DivergedException e)
            {
                // The others may well learn, and have perhaps hours behind them.
                failed.Add(Failed(run, e, curve));
                view.Diverged();
            }
            catch (Exception e)
            {
                failed.Add(Failed(run, e, curve));
                failure = e;
            }
            run.Lock?.Dispose();
            if (interrupted || failure is not null)
                break;
        }
        string[] diverged =
        [
            .. results
                .Where(r => r.Runs[0].Stopped == StopReason.Diverged)
                .Select(r => Told(r.Task, r.Arch, r.Preset, r.Runs[0].Seed, r.Runs[0].Reason)),
            .. failed
                .Where(f => f.Status == RunStatus.Diverged)
                .Select(f => Told(f.Task, f.Arch, f.Preset, f.Seed, f.Reason)),
        ];
        if (failure is null && diverged.Length > 0)
        {
            failure = new TrainingDivergedException(
                $"training diverged: {string.Join("; ", diverged)}"
            );
        }
        if (failure is null && unsaved.Count > 0)
        {
            failure = new FailureException(
                $"--checkpoint: the last state was not saved of {string.Join("; ", unsaved)}"
            );
        }
        const string partial = "Interrupted: not all runs came to their end.";
        var report = new ReproductionReport
        {
            Status =
                interrupted && failure is null ? RunStatus.Interrupted : Failures.StatusOf(failure),
            Reason =
                failure is not null ? Failures.Describe(failure)
                : interrupted ? partial
                : null,
            Machine = machine,
            Date = ReportWriter.Date(begin),
            Gpu = GpuReport.Of(job.Device),
            Device = job.Device.Device,
            Threads = job.Device.Threads,
            BudgetMinutes = job.Budget?.TotalMinutes,
            TotalBudgetSeconds = job.TotalBudget?.TotalSeconds,
            Results = Join(results, job),
            Failed = failed.Count > 0 ? failed : null,
            Left = turns?.Left is { Count: > 0 } left ? left : null,
        };
        view.Results(report, interrupted);
        ResultFiles.Write(
            failure,
            (job.Json, () => ReportWriter.ToUtf8(report)),
            (
                job.Html,
                () =>
                    Encoding.UTF8.GetBytes(
                        ReproductionPage.Render(
                            report,
                            differences: AnswerIntervals.Of(ReproductionBook.Of(report))
                        )
                    )
            )
        );
        return interrupted ? stop.Code : ExitCode.Success;
    }

    private static string Told(
        string task,
        string arch,
        string preset,
        ulong seed,
        string? reason
    ) => FormattableString.Invariant($"{task} {arch} {preset}, seed {seed}: {reason}");

    private static FailedRun Failed(ReproduceRun run, Exception e, List<CurvePoint> curve) =>
        new(
            run.Preset.Task,
            run.Preset.Arch,
            run.Preset.Name,
            run.Seed,
            Failures.StatusOf(e),
            Failures.Describe(e),
            curve
        );

    private static ReproductionResult Train(
        ReproduceJob job,
        ReproduceTurn turn,
        ReproduceView view,
        Screen screen,
        List<CurvePoint> curve,
        CancellationToken cancellation
    )
    {
        ReproduceRun run = turn.Run;
        // The ledger of a backend of its own tells what this model needs.
        using Backend backend = job.CreateBackend(run);
        var reproduction = new Reproduction(run.Preset, run.Data, backend);
        using var progress = new ProgressLine(screen);
        var options = new ReproductionOptions
        {
            Seed = run.Seed,
            Budget = job.Budget,
            TimeLeft = turn.TimeLeft,
            Checkpoint = run.Checkpoint,
            SaveEvery = job.SaveEvery,
            Keep = job.Keep,
            Tell = text => Checkpoints.Tell($"reproduce: {run}", progress, text),
        };
        try
        {
            return reproduction.Run(options, Report, cancellation);
        }
        catch (Exception e)
            when (e is CheckpointException or IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"--checkpoint: {e.Message}", e);
        }

        void Report(ReproductionProgress p)
        {
            // JSON has finite numbers only.
            if (p.Now.Ended is { Valid: { } valid } ended && double.IsFinite(ended.Train + valid))
                curve.Add(CurvePoint.Of(ended));
            view.Step(progress, p);
        }
    }

    private static ReproductionResult[] Join(List<ReproductionResult> results, ReproduceJob job) =>
        [
            .. results
                .GroupBy(r => (r.Task, r.Arch, r.Preset))
                .Select(group => ReproductionResult.Join([.. group]))
                .Select(joined =>
                    joined with
                    {
                        Seconds = Math.Round(joined.Seconds, 3),
                        Finished = joined.Finished && joined.Seeds == job.Seeds,
                    }
                ),
        ];
}
