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
            using ReproduceJob job = options.Read(result);
            return Run(job, new Screen());
        });
        return command;
    }

    private static int Run(ReproduceJob job, Screen screen)
    {
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        using var stop = new StopSignal();
        Machine machine = Machine.Read();
        var view = new ReproduceView(screen, job);
        view.Header(machine);
        var results = new List<ReproductionResult>();
        var diverged = new List<string>();
        var unsaved = new List<string>();
        bool interrupted = false;
        foreach (ReproduceRun run in job.Runs)
        {
            interrupted = stop.IsRequested;
            if (interrupted)
                break;
            view.Begin(run);
            try
            {
                ReproductionResult result = Train(job, run, view, screen, stop.Token);
                results.Add(result);
                view.End(result);
                if (result.Unsaved is { } reason)
                    unsaved.Add($"{run}: {reason}");
                interrupted = result.Runs[0].Stopped == StopReason.Cancelled;
            }
            catch (DivergedException e)
            {
                // The others may well learn, and have perhaps hours behind them.
                diverged.Add($"{run}: {e.Message}");
                view.Diverged();
            }
            run.Lock?.Dispose();
            if (interrupted)
                break;
        }
        var report = new ReproductionReport
        {
            Machine = machine,
            Date = ReportWriter.Date(begin),
            Gpu = GpuReport.Of(job.Device),
            Results = Join(results, job),
        };
        view.Results(report.Results, interrupted);
        job.Json?.Write(ReportWriter.ToUtf8(report));
        if (report.Results.Count > 0)
            job.Html?.Write(Encoding.UTF8.GetBytes(ReproductionPage.Render(report)));
        if (diverged.Count > 0)
            throw new FailureException($"training diverged: {string.Join("; ", diverged)}");
        if (unsaved.Count > 0)
            throw new FailureException(
                $"--checkpoint: the last state was not saved of {string.Join("; ", unsaved)}"
            );
        return interrupted ? stop.Code : ExitCode.Success;
    }

    private static ReproductionResult Train(
        ReproduceJob job,
        ReproduceRun run,
        ReproduceView view,
        Screen screen,
        CancellationToken cancellation
    )
    {
        // The ledger of a backend of its own tells what this model needs.
        using Backend backend = job.CreateBackend(run);
        var reproduction = new Reproduction(run.Preset, run.Music, backend);
        using var progress = new ProgressLine(screen);
        var options = new ReproductionOptions
        {
            Seed = run.Seed,
            Budget = job.Budget,
            Checkpoint = run.Checkpoint,
            SaveEvery = job.SaveEvery,
            Keep = job.Keep,
            Tell = text => Checkpoints.Tell($"reproduce: {run}", progress, text),
        };
        try
        {
            return reproduction.Run(options, p => view.Step(progress, p), cancellation);
        }
        catch (Exception e)
            when (e is CheckpointException or IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"--checkpoint: {e.Message}", e);
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
