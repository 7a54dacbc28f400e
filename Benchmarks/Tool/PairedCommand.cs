using System.CommandLine;
using System.Diagnostics;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor bench --paired: another built sequor against this one, with compare's verdicts and exit codes.</summary>
internal static class PairedCommand
{
    // Models of any size are made, compiled and run for some steps before a process answers.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private const double DefaultMinutes = 2;

    // What a context with the vendor's libraries loaded takes of a GPU, on the safe side.
    private const long GpuProcessBytes = 800L << 20;

    /// <summary>What OTHER may be, for messages.</summary>
    public const string Others =
        "OTHER is another built sequor, a script that starts one (#!/bin/sh in its first line), or the folder of an unpacked bundle";

    private const UnixFileMode Executable =
        UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public static int Run(BenchOptions options, ParseResult result)
    {
        using var stop = new StopSignal();
        stop.Hold();
        string other = result.GetValue(options.Paired)!;
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        OutputFile.RequireApart(json);
        string program = Program(other);
        IReadOnlyList<string> words =
        [
            .. BenchRounds.Words(
                result,
                options.Paired,
                options.Minutes,
                options.OrderSeed,
                options.Strict,
                options.Bisect,
                options.Force,
                options.Json
            ),
            options.Worker.Name,
        ];
        var screen = new Screen(json);
        ComparisonReport report;
        UsageException? refused = null;
        try
        {
            using var progress = new ProgressLine(screen);
            PairedPlan plan = Plan(options, result, out GpuWatch? watch);
            using GpuWatch? watching = watch;
            var run = new PairedRun(
                () => Start(program, words),
                () => OwnProgram.Start(words),
                plan,
                new JudgementOptions(),
                Patience,
                stop.Token,
                watch
            );
            report = run.Run(
                result.GetValue(options.Force),
                done => progress.Show(done, () => $"{done:P0} of the budget")
            ) with
            {
                Base = program,
                Head = "this program",
            };
        }
        catch (Exception e)
            when (e is OperationCanceledException || (e is UsageException && stop.IsRequested))
        {
            return stop.Code;
        }
        catch (UsageException e)
        {
            refused = e;
            report = new ComparisonReport
            {
                Verdict = RowVerdict.Refused,
                Reason = e.Message,
                Base = program,
                Head = "this program",
            };
        }
        if (refused is null)
        {
            ComparisonView.Show(screen, report);
            screen.Line(
                FormattableString.Invariant(
                    $"The order of turns was drawn by --order-seed {report.OrderSeed}."
                )
            );
            int turns =
                2 * report.Pairs!.Count / Math.Max(1, report.Pairs.DistinctBy(p => p.Name).Count());
            foreach (
                string line in GpuConditionsView.Lines(
                    [("both programs", turns, report.GpuConditions)],
                    "turn"
                )
            )
                screen.Line(line);
        }
        ResultFiles.Write(refused, (json, () => ReportWriter.ToUtf8(report)));
        return Gate.CodeOf(
            report.Verdict,
            result.GetValue(options.Strict),
            result.GetValue(options.Bisect)
        );
    }

    // Refuses a device that is not there before OTHER is asked.
    private static PairedPlan Plan(BenchOptions options, ParseResult result, out GpuWatch? watch)
    {
        using Backend backend = options.Workload.Backend.Create(result);
        watch = GpuWatch.Of(backend, new MeasurementOptions());
        var plan = new PairedPlan(
            TimeSpan.FromMinutes(result.GetValue(options.Minutes) ?? DefaultMinutes)
        );
        return plan with
        {
            OrderSeed = (int)(result.GetValue(options.OrderSeed) ?? plan.OrderSeed),
            FreeBytes = backend.FreeBytes,
            ProcessBytes = backend.Info.Gpu is null ? plan.ProcessBytes : GpuProcessBytes,
        };
    }

    // A program, a script that starts one, or the folder of an unpacked bundle.
    private static string Program(string other)
    {
        string path = Path.GetFullPath(other);
        if (Directory.Exists(path))
        {
            string start = Path.Combine(path, "start.sh");
            return File.Exists(start)
                ? start
                : throw new UsageException(
                    $"--paired: the folder '{other}' is no bundle: it has no start.sh; {Others}"
                );
        }
        if (!File.Exists(path))
            throw new UsageException($"--paired: there is no program '{other}'; {Others}");
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Executable) == 0)
            throw new UsageException(
                $"--paired: '{other}' cannot be executed: nobody has the right to (chmod +x gives it); {Others}"
            );
        return path;
    }

    private static ProcessStartInfo Start(string program, IReadOnlyList<string> words) =>
        new(program, words);
}
