using System.CommandLine;
using System.Text;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tool;

/// <summary>sequor bench: what a training step of each architecture costs here, at one length or over several.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var options = new BenchOptions();
        var command = new Command(
            "bench",
            "Measures a training step of each architecture, all with about as many parameters."
        );
        options.AddTo(command);
        command.SetAction(result =>
        {
            BenchModes.Require(options, result);
            return result.GetValue(options.Widths) is { Length: > 0 }
                    ? GridCommand.Run(options, result)
                : result.GetValue(options.Stream) ? StreamCommand.Run(options, result)
                : result.GetValue(options.Worker) ? BenchWorker.Run(options, result)
                : result.GetValue(options.Paired) is not null ? PairedCommand.Run(options, result)
                : Run(options, result);
        });
        return command;
    }

    private static int Run(BenchOptions options, ParseResult result)
    {
        using var run = new StepsRun("bench", result, options.Measured, options.Workload);
        IReadOnlyList<int> lengths = options.Lengths(result);
        IReadOnlyList<IReadOnlyList<Workload>> workloads = options.Workloads(result, lengths);
        run.RequireDevice(backend => Sweep.RequireMemory(workloads, backend));
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        OutputFile? html = OutputFile.For(options.Html.Name, result.GetValue(options.Html));
        string? history = result.GetValue(options.History);
        run.RequireOutputs(json, html, OutputFile.ForCheckpoint(options.History.Name, history));
        BenchView.Header(
            run.Screen,
            run.Machine,
            run.Device,
            workloads[0][0],
            lengths,
            options.Workload.BudgetOf(result),
            run.Options
        );
        var measured = new List<Measured>();
        var reports = new List<BenchReport>();
        int? rounds = (int?)result.GetValue(options.Rounds);
        run.Measure(
            progress =>
            {
                if (rounds is { } several)
                    Rounds(options, result, several, run, progress, reports);
                else
                    Sweep.Run(
                        workloads,
                        run.CreateBackend,
                        run.Options,
                        (done, next) => StepsRun.Show(progress, done, next),
                        run.Stops,
                        measured.AddRange
                    );
            },
            () => measured.Count > 0
        );
        BenchResult[] results =
        [
            .. measured.Select(m =>
                BenchResult.From(m, LengthOf(m.Workload, workloads, lengths), run.Peaks)
            ),
            .. BenchRounds.Merge(reports),
        ];
        var report = new BenchReport
        {
            Status = run.Status,
            Reason = run.Reason(() =>
                rounds is null
                    ? BenchView.Interrupted(measured, workloads.Sum(w => w.Count), run.Options)
                    : Figures.Text(
                        $"Interrupted after {Figures.Several(reports.Count, "round")} of {rounds}."
                    )
            ),
            Machine = run.Machine,
            Date = ReportWriter.Date(run.Begin),
            Gpu = GpuReport.Of(run.Device),
            Threads = run.Device.Threads,
            Task = workloads[0][0].Task.Name,
            Seed = run.Options.Seed,
            Warmup = Fewest(m => m.Warmup, r => r.Warmup),
            Steps = Fewest(m => m.Steps.Count, r => r.Steps),
            Seconds = run.Seconds,
            Peaks =
                PeaksReport.Of(run.Peaks) ?? PeaksReport.Median(reports.Select(one => one.Peaks)),
            Results = results,
            Exponents =
                results.Select(r => r.Length).Distinct().Count() > 1
                    ? GrowthExponents.Fit(results)
                    : null,
        };
        if (reports.Count > 0)
            RoundsView.Results(run.Screen, report);
        else if (report.Exponents is not null)
            SweepView.Results(run.Screen, report);
        else if (measured.Count > 0)
            BenchView.Results(run.Screen, measured, report);
        int code = run.End(
            report,
            results.Select(r =>
                (Figures.Text($"{r.Arch} T={r.Length}"), r.SamplesMs.Count, r.GpuConditions)
            ),
            (json, () => ReportWriter.ToUtf8(report)),
            (html, () => Encoding.UTF8.GetBytes(BenchPage.Render(report, run.Begin)))
        );
        // What did not finish is no point of a trend.
        if (history is not null && !run.IsInterrupted)
            HistoryFile.Append(options.History.Name, history, HistoryLine.ToUtf8(report));
        return code;

        int Fewest(Func<Measured, int> one, Func<BenchReport, int> round) =>
            measured.Select(one).Concat(reports.Select(round)).DefaultIfEmpty().Min();
    }

    private static void Rounds(
        BenchOptions options,
        ParseResult result,
        int rounds,
        StepsRun run,
        ProgressLine progress,
        List<BenchReport> reports
    )
    {
        BenchRounds.Run(
            BenchRounds.Words(result, options.Rounds, options.Json, options.Html, options.History),
            rounds,
            done => progress.Show((double)done / rounds, () => $"round {done + 1}"),
            reports.Add,
            run.StopToken
        );
        run.Stops();
    }

    // T as the task counts it; workloads of one length share their task.
    private static int LengthOf(
        Workload workload,
        IReadOnlyList<IReadOnlyList<Workload>> workloads,
        IReadOnlyList<int> lengths
    )
    {
        int i = 0;
        while (!ReferenceEquals(workloads[i][0].Task, workload.Task))
            i++;
        return lengths[i];
    }
}
