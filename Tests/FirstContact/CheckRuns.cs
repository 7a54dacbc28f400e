using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Replay;
using Sequor.Workloads;

namespace Sequor.FirstContact;

/// <summary>Runs the checks one after another, each in a process of its own, which is ended at its limit.</summary>
internal sealed class CheckRuns(FirstContactOptions options, string folder)
{
    // What the checks find out about the machine is theirs: the user's own folder is neither read nor written.
    private readonly string _cache = Path.Combine(
        Path.GetTempPath(),
        $"sequor-cache-{Guid.NewGuid():N}"
    );

    public FirstContactReport Run()
    {
        try
        {
            return RunAll();
        }
        finally
        {
            if (Directory.Exists(_cache))
                Directory.Delete(_cache, recursive: true);
        }
    }

    private FirstContactReport RunAll()
    {
        var watch = Stopwatch.StartNew();
        DateTimeOffset date = DateTimeOffset.UtcNow;
        string log = Path.Combine(folder, FirstContactReport.LogName);
        File.WriteAllText(log, "");
        (GpuSummary? gpu, LibrarySummary[] libraries, string? missing, bool isVirtual) = LookWithin(
            TimeSpan.FromSeconds(30)
        );
        var results = new List<CheckResult>();
        foreach (
            Check check in AllChecks.InOrder.Where(c =>
                options.Only.Count == 0 || options.Only.Contains(c.Name)
            )
        )
        {
            Console.Error.WriteLine($"{check.Name} ...");
            var one = Stopwatch.StartNew();
            CheckOutcome outcome =
                missing is not null && check is not LibrariesCheck
                    ? CheckOutcome.Skipped($"there is no GPU to use: {missing}")
                    : RunOne(check, isVirtual, log);
            results.Add(
                new CheckResult(
                    check.Name,
                    check.Proves,
                    outcome,
                    Math.Round(one.Elapsed.TotalSeconds, 3)
                )
            );
        }
        return new FirstContactReport
        {
            Date = ReportWriter.Date(date),
            Machine = Machine.Read(),
            DryRun = isVirtual,
            Gpu = gpu,
            Libraries = libraries,
            Checks = [.. results],
            Seconds = Math.Round(watch.Elapsed.TotalSeconds, 3),
        };
    }

    private CheckOutcome RunOne(Check check, bool isVirtual, string log)
    {
        string place = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}.json");
        var start = new ProcessStartInfo(
            Environment.ProcessPath!,
            [
                folder,
                "--check",
                check.Name,
                "--out",
                place,
                .. isVirtual ? new[] { "--virtual" } : [],
            ]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[CacheFolder.Variable] = _cache;
        TimeSpan limit = check.Limit * options.LimitFactor;
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            bool ended = process.WaitForExit(limit);
            if (!ended)
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
            }
            // Where a grandchild holds the pipe it is not waited for.
            Task.WaitAll([output, error], TimeSpan.FromSeconds(5));
            string said = error.IsCompletedSuccessfully ? error.Result : "";
            File.AppendAllText(
                log,
                $"===== {check.Name}\n{(output.IsCompletedSuccessfully ? output.Result : "")}{said}\n"
            );
            if (!ended)
                return CheckOutcome.TimedOut(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"it did not end within {limit.TotalSeconds:0.###} s"
                    )
                );
            if (File.Exists(place))
                return JsonSerializer.Deserialize(
                    File.ReadAllBytes(place),
                    FirstContactJson.Default.CheckOutcome
                )!;
            return CheckOutcome.Failed(
                $"its process ended with {new FinishedProcess(process.ExitCode, "", said).LastWords}"
            );
        }
        finally
        {
            File.Delete(place);
        }
    }

    /// <summary>The same, where the driver may hang or fail as it is asked.</summary>
    private (GpuSummary?, LibrarySummary[], string? Missing, bool IsVirtual) LookWithin(
        TimeSpan limit
    )
    {
        var look = Task.Run(Look);
        try
        {
            return look.Wait(limit)
                ? look.Result
                : (null, [], $"the driver did not answer within {limit.TotalSeconds} s", false);
        }
        catch (AggregateException e)
        {
            return (null, [], e.GetBaseException().Message, false);
        }
    }

    /// <summary>What there is, looked at once in this process, which starts nothing on the GPU.</summary>
    private (GpuSummary?, LibrarySummary[], string? Missing, bool IsVirtual) Look()
    {
        bool required =
            Environment.GetEnvironmentVariable(ReplayDevice.RequireVariable) is "1" or "true";
        CudaLibraries real = CudaLibraries.Load();
        string? missing = real.Failure?.Reason;
        if (missing is null && real.Devices.Count == 0)
            missing = "the driver has no device";
        bool isVirtual = options.Virtual || (missing is not null && !required);
        LibrarySummary[] libraries =
        [
            LibrarySummary.Of("driver", real.Native.Driver),
            LibrarySummary.Of("cuDNN", real.Native.CuDnn),
            LibrarySummary.Of("cuBLAS", real.Native.CuBlas),
            LibrarySummary.Of("cuBLASLt", real.Native.CuBlasLt),
            LibrarySummary.Of("NVML", real.Native.Nvml),
        ];
        if (isVirtual)
            return (new GpuSummary("virtual GPU", "8.6", 8L << 30, null), libraries, null, true);
        if (missing is not null)
            return (null, libraries, missing, false);
        CudaDevice device = real.Device();
        return (
            new GpuSummary(
                device.Name,
                device.ComputeCapability.ToString(),
                device.TotalBytes,
                real.Native.DisplayDriverVersion
            ),
            libraries,
            null,
            false
        );
    }
}
