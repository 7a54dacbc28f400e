using System.CommandLine;
using System.Text;
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
        using var run = new StepsRun("profile", result, options.Measured, options.Workload);
        IReadOnlyList<Workload> workloads = options.Workloads(result);
        run.RequireDevice(backend =>
        {
            // One after another, each has the device's memory to itself.
            foreach (Workload workload in workloads)
                Measurement.RequireMemory([workload], backend);
        });
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        OutputFile? html = OutputFile.For(options.Html.Name, result.GetValue(options.Html));
        OutputFile? trace = OutputFile.For(options.Trace.Name, result.GetValue(options.Trace));
        run.RequireOutputs(json, html, trace);
        BenchView.Header(
            run.Screen,
            run.Machine,
            run.Device,
            workloads[0],
            [options.Length(result)],
            options.Workload.BudgetOf(result),
            run.Options,
            "without and as many with a profile by turns"
        );
        var profiles = new List<Profiled>();
        run.Measure(
            progress =>
                Profiling.Run(
                    workloads,
                    run.CreateBackend,
                    run.Options,
                    (done, next) => StepsRun.Show(progress, done, next),
                    run.Stops,
                    profiles.Add
                ),
            () => profiles.Count > 0
        );
        var report = new ProfileReport
        {
            Status = run.Status,
            Reason = run.Reason(() =>
                ProfileView.Interrupted(profiles, workloads.Count, run.Options)
            ),
            Machine = run.Machine,
            Date = ReportWriter.Date(run.Begin),
            Gpu = GpuReport.Of(run.Device),
            Threads = run.Device.Threads,
            Task = workloads[0].Task.Name,
            Seed = run.Options.Seed,
            Warmup = profiles.Select(p => p.Warmup).DefaultIfEmpty().Min(),
            Steps = profiles.Select(p => p.Plain.Count).DefaultIfEmpty().Min(),
            Seconds = run.Seconds,
            Peaks = PeaksReport.Of(run.Peaks),
            Results =
            [
                .. profiles.Select(p => ProfileResult.From(p, options.Length(result), run.Peaks)),
            ],
        };
        ProfileView.Results(run.Screen, report);
        return run.End(
            report,
            report.Results.Select(r =>
                (r.Arch, r.SamplesMs.Count + r.ProfiledSamplesMs.Count, r.GpuConditions)
            ),
            (json, () => ReportWriter.ToUtf8(report)),
            (
                html,
                () =>
                    Encoding.UTF8.GetBytes(
                        ProfilePage.Render(report, profiles, run.Peaks, run.Begin)
                    )
            ),
            (trace, () => ChromeTrace.ToUtf8(profiles, run.Peaks))
        );
    }
}
