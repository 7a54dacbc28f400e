using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Sequor.Layers;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tool;

/// <summary>sequor profile: where the time and the memory of a training step go, layer by layer and operation by operation.</summary>
internal static class ProfileCommand
{
    public static Command Create()
    {
        var options = new ProfileOptions();
        var command = new Command(
            "profile",
            "Tells where the time and the memory of a training step go: by layer, pass and operation."
        );
        options.AddTo(command);
        command.SetAction(result => Run(options, result));
        return command;
    }

    private static int Run(ProfileOptions options, ParseResult result)
    {
        using var stop = new StopSignal();
        DateTimeOffset begin = DateTimeOffset.Now;
        var clock = Stopwatch.StartNew();
        IReadOnlyList<Workload> workloads = options.Workloads(result);
        MeasurementOptions measurement = options.Measured.Read(result, options.Workload.Seed);
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        OutputFile? html = OutputFile.For(options.Html.Name, result.GetValue(options.Html));
        OutputFile? trace = OutputFile.For(options.Trace.Name, result.GetValue(options.Trace));
        OutputFile.RequireApart(json, html, trace);
        Option<string?> data = options.Workload.Data;
        OutputFile.RequireApartFrom(data.Name, result.GetValue(data), json, html, trace);

        var screen = new Screen(json, html, trace);
        BackendInfo device;
        MachinePeaks? peaks = null;
        var profiles = new List<Profiled>();
        bool interrupted = false;
        Exception? failure = null;
        using (Backend backend = options.Workload.Backend.Create(result))
        {
            device = backend.Info;
            options.Measured.RequireGpuForProfiler(result, device);
            // One after another, each has the device's memory to itself.
            foreach (Workload workload in workloads)
                Measurement.RequireMemory([workload], backend);
        }
        Machine machine = Machine.Read(device);
        ProfileView.Header(
            screen,
            machine,
            device,
            workloads[0],
            options.Workload.BudgetOf(result),
            measurement
        );
        try
        {
            using var progress = new ProgressLine(screen);
            options.Workload.Backend.Tell = line => Checkpoints.Tell("profile", progress, line);
            Profiling.Run(
                workloads,
                () => options.Workload.Backend.Create(result),
                measurement,
                (done, next) => progress.Show(done, () => Progress(done, next)),
                () => interrupted = stop.IsRequested,
                profiles.Add
            );
            if (!interrupted)
                peaks = BenchPeaks.Measure(options.Workload.Backend, result, clock.Elapsed);
        }
        catch (Exception e)
        {
            failure = e;
        }
        var report = new ProfileReport
        {
            Status = interrupted ? RunStatus.Interrupted : Failures.StatusOf(failure),
            Reason =
                interrupted ? ProfileView.Interrupted(profiles, workloads.Count, measurement)
                : failure is null ? null
                : Failures.Describe(failure),
            Machine = machine,
            Date = ReportWriter.Date(begin),
            Gpu = GpuReport.Of(device),
            Threads = device.Threads,
            Task = workloads[0].Task.Name,
            Seed = measurement.Seed,
            Warmup = profiles.Select(p => p.Warmup).DefaultIfEmpty().Min(),
            Steps = profiles.Select(p => p.Plain.Count).DefaultIfEmpty().Min(),
            Seconds = Math.Round(clock.Elapsed.TotalSeconds, 3),
            Peaks = PeaksReport.Of(peaks),
            Results =
            [
                .. profiles.Select(p => ProfileResult.From(p, options.Length(result), peaks)),
            ],
        };
        ProfileView.Results(screen, report);
        foreach (
            string line in GpuConditionsView.Lines(
                report.Results.Select(r =>
                    (r.Arch, r.SamplesMs.Count + r.ProfiledSamplesMs.Count, r.GpuConditions)
                )
            )
        )
            screen.Line(line);
        if (interrupted)
            screen.Line(report.Reason!);
        ResultFiles.Write(
            failure,
            (json, () => ReportWriter.ToUtf8(report)),
            (
                html,
                () => Encoding.UTF8.GetBytes(ProfilePage.Render(report, profiles, peaks, begin))
            ),
            (trace, () => ChromeTrace.ToUtf8(profiles, peaks))
        );
        return interrupted ? stop.Code : ExitCode.Success;
    }

    private static string Progress(double done, Workload next) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{done:P0} {next.Architecture}, {Figures.Several(next.Task.Length, "step")}"
        );
}
