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
        command.SetAction(result => Run(options, result));
        return command;
    }

    private static int Run(BenchOptions options, ParseResult result)
    {
        DateTimeOffset begin = DateTimeOffset.Now;
        var clock = Stopwatch.StartNew();
        IReadOnlyList<int> lengths = options.Lengths(result);
        IReadOnlyList<IReadOnlyList<Workload>> workloads = options.Workloads(result, lengths);
        MeasurementOptions measurement = options.Measurement(result);
        BackendInfo device;
        using (Backend backend = options.Workload.Backend.Create(result))
        {
            device = backend.Info;
            Sweep.RequireMemory(workloads, backend);
        }
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        OutputFile? html = OutputFile.For(options.Html.Name, result.GetValue(options.Html));
        OutputFile.RequireApart(json, html);

        var screen = new Screen();
        Machine machine = Machine.Read();
        BenchView.Header(
            screen,
            machine,
            device,
            workloads[0][0],
            lengths,
            options.Budget(result),
            measurement
        );
        IReadOnlyList<Measured> measured;
        using (var progress = new ProgressLine(screen))
        {
            measured = Sweep.Run(
                workloads,
                () => options.Workload.Backend.Create(result),
                measurement,
                (done, next) => progress.Show(done, () => Progress(done, next))
            );
        }
        // The results come length by length, each as long as the other.
        BenchResult[] results =
        [
            .. measured.Select((m, i) => BenchResult.From(m, lengths[i / workloads[0].Count])),
        ];
        var report = new BenchReport
        {
            Machine = machine,
            Date = ReportWriter.Date(begin),
            Gpu = GpuReport.Of(device),
            Threads = device.Threads,
            Task = workloads[0][0].Task.Name,
            Seed = measurement.Seed,
            Warmup = measured.Min(m => m.Warmup),
            Steps = measured.Min(m => m.Steps.Count),
            Seconds = Math.Round(clock.Elapsed.TotalSeconds, 3),
            Results = results,
            Exponents = lengths.Count > 1 ? GrowthExponents.Fit(results) : null,
        };
        if (report.Exponents is null)
            BenchView.Results(screen, measured, clock.Elapsed);
        else
            SweepView.Results(screen, report);
        json?.Write(ReportWriter.ToUtf8(report));
        html?.Write(Encoding.UTF8.GetBytes(BenchPage.Render(report, begin)));
        return ExitCode.Success;
    }

    private static string Progress(double done, Workload next) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{done:P0} {next.Architecture}, {next.Task.Length} steps"
        );
}
