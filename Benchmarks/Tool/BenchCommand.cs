using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Sequor.Layers;
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
            result.GetValue(options.Worker) ? BenchWorker.Run(options, result)
            : result.GetValue(options.Paired) is not null ? PairedCommand.Run(options, result)
            : Run(options, result)
        );
        return command;
    }

    private static int Run(BenchOptions options, ParseResult result)
    {
        using var stop = new StopSignal();
        DateTimeOffset begin = DateTimeOffset.Now;
        var clock = Stopwatch.StartNew();
        IReadOnlyList<int> lengths = options.Lengths(result);
        IReadOnlyList<IReadOnlyList<Workload>> workloads = options.Workloads(result, lengths);
        MeasurementOptions measurement = options.Measurement(result);
        BackendInfo device;
        using (Backend backend = options.Workload.Backend.Create(result))
        {
            device = backend.Info;
            options.Measured.RequireGpuForProfiler(result, device);
            Sweep.RequireMemory(workloads, backend);
        }
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        OutputFile? html = OutputFile.For(options.Html.Name, result.GetValue(options.Html));
        string? history = result.GetValue(options.History);
        OutputFile? appended = OutputFile.ForCheckpoint(options.History.Name, history);
        OutputFile.RequireApart(json, html, appended);
        Option<string?> data = options.Workload.Data;
        OutputFile.RequireApartFrom(data.Name, result.GetValue(data), json, html, appended);

        var screen = new Screen(json, html);
        Machine machine = Machine.Read(device);
        BenchView.Header(
            screen,
            machine,
            device,
            workloads[0][0],
            lengths,
            options.Workload.BudgetOf(result),
            measurement
        );
        var measured = new List<Measured>();
        var reports = new List<BenchReport>();
        int? rounds = (int?)result.GetValue(options.Rounds);
        bool interrupted = false;
        Exception? failure = null;
        try
        {
            using var progress = new ProgressLine(screen);
            options.Workload.Backend.Tell = line => Checkpoints.Tell("bench", progress, line);
            if (rounds is { } several)
            {
                BenchRounds.Run(
                    BenchRounds.Words(
                        result,
                        options.Rounds,
                        options.Json,
                        options.Html,
                        options.History
                    ),
                    several,
                    done => progress.Show((double)done / several, () => $"round {done + 1}"),
                    reports.Add,
                    stop.Token
                );
                interrupted = stop.IsRequested;
            }
            else
            {
                Sweep.Run(
                    workloads,
                    () => options.Workload.Backend.Create(result),
                    measurement,
                    (done, next) => progress.Show(done, () => Progress(done, next)),
                    () => interrupted = stop.IsRequested,
                    measured.AddRange
                );
            }
        }
        catch (Exception e)
        {
            failure = e;
        }
        MachinePeaks? peaks = null;
        if (failure is null && !interrupted && measured.Count > 0)
        {
            try
            {
                peaks = BenchPeaks.Measure(options.Workload.Backend, result, clock.Elapsed);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }
        BenchResult[] results =
        [
            .. measured.Select(m =>
                BenchResult.From(m, LengthOf(m.Workload, workloads, lengths), peaks)
            ),
            .. BenchRounds.Merge(reports),
        ];
        int count = workloads.Sum(w => w.Count);
        var report = new BenchReport
        {
            Status = interrupted ? RunStatus.Interrupted : Failures.StatusOf(failure),
            Reason =
                interrupted && rounds is not null
                    ? Figures.Text(
                        $"Interrupted after {Figures.Several(reports.Count, "round")} of {rounds}."
                    )
                : interrupted ? BenchView.Interrupted(measured, count, measurement)
                : failure is null ? null
                : Failures.Describe(failure),
            Machine = machine,
            Date = ReportWriter.Date(begin),
            Gpu = GpuReport.Of(device),
            Threads = device.Threads,
            Task = workloads[0][0].Task.Name,
            Seed = measurement.Seed,
            Warmup = Fewest(m => m.Warmup, r => r.Warmup),
            Steps = Fewest(m => m.Steps.Count, r => r.Steps),
            Seconds = Math.Round(clock.Elapsed.TotalSeconds, 3),
            Peaks = PeaksReport.Of(peaks) ?? PeaksReport.Median(reports.Select(one => one.Peaks)),
            Results = results,
            Exponents =
                results.Select(r => r.Length).Distinct().Count() > 1
                    ? GrowthExponents.Fit(results)
                    : null,
        };
        if (reports.Count > 0)
            RoundsView.Results(screen, report);
        else if (report.Exponents is not null)
            SweepView.Results(screen, report);
        else if (measured.Count > 0)
            BenchView.Results(screen, measured, report);
        foreach (
            string line in GpuConditionsView.Lines(
                results.Select(r =>
                    (Figures.Text($"{r.Arch} T={r.Length}"), r.SamplesMs.Count, r.GpuConditions)
                )
            )
        )
            screen.Line(line);
        if (interrupted)
            screen.Line(report.Reason!);
        ResultFiles.Write(
            failure,
            (json, () => ReportWriter.ToUtf8(report)),
            (html, () => Encoding.UTF8.GetBytes(BenchPage.Render(report, begin)))
        );
        // What did not finish is no point of a trend.
        if (history is not null && !interrupted)
            HistoryFile.Append(
                options.History.Name,
                history,
                ReportWriter.ToUtf8(HistoryLine.Of(report))
            );
        return interrupted ? stop.Code : ExitCode.Success;

        int Fewest(Func<Measured, int> one, Func<BenchReport, int> round) =>
            measured.Select(one).Concat(reports.Select(round)).DefaultIfEmpty().Min();
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

    private static string Progress(double done, Workload next) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{done:P0} {next.Architecture}, {Figures.Several(next.Task.Length, "step")}"
        );
}
