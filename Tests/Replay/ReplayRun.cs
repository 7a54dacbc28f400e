using System.Diagnostics;
using System.Text.Json;
using Sequor.Workloads;

namespace Sequor.Replay;

/// <summary>
/// Replays kernels in a process of their own. Where that ends early, by a lost context or a crash, or where a kernel takes too
/// long, the kernel is told and another process goes on with those after it.
/// </summary>
internal sealed class ReplayRun(ReplayOptions options, IReadOnlyList<string> kernels)
{
    private readonly List<KernelResult> _results = [];
    private string? _device;

    public ReplayReport Run(long recordingBytes)
    {
        DateTimeOffset date = DateTimeOffset.UtcNow;
        var watch = Stopwatch.StartNew();
        string? reason = null;
        while (_results.Count < kernels.Count && reason is null)
            reason = Continue();
        return new ReplayReport
        {
            Date = ReportWriter.Date(date),
            Version = Machine.VersionAndCommit,
            Status = reason is null ? ReplayReport.Finished : ReplayReport.Failed,
            Reason = reason,
            Device = _device,
            RecordingBytes = recordingBytes,
            Seconds = Math.Round(watch.Elapsed.TotalSeconds, 3),
            Kernels = [.. _results],
        };
    }

    /// <summary>Goes on with the kernels that have no result yet; gives the reason where that is of no use.</summary>
    private string? Continue()
    {
        string[] arguments =
        [
            "--child",
            options.File ?? RecordingPlace.Own,
            .. options.Virtual ? new[] { "--virtual" } : [],
            .. kernels.Skip(_results.Count).SelectMany(k => new[] { "--kernel", k }),
        ];
        var start = new ProcessStartInfo(Environment.ProcessPath!, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string? begun = null;
        int before = _results.Count;
        while (true)
        {
            Task<string?> line = process.StandardOutput.ReadLineAsync();
            if (!line.Wait(options.Limit))
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
                string took = $"it did not end within {options.Limit.TotalSeconds:0.###} s";
                if (begun is null)
                    return $"the GPU could not be set up: {took}";
                _results.Add(KernelResult.None(begun, KernelResult.TimedOut, took));
                return null;
            }
            if (line.Result is not { } text)
                break;
            if (text.StartsWith(ReplayChild.Device, StringComparison.Ordinal))
                _device = text[ReplayChild.Device.Length..];
            else if (text.StartsWith(ReplayChild.Begin, StringComparison.Ordinal))
                begun = text[ReplayChild.Begin.Length..];
            else if (
                JsonSerializer.Deserialize(text, ReplayJson.Default.KernelResult) is { } result
            )
            {
                _results.Add(result);
                begun = null;
            }
        }
        process.WaitForExit();
        string said = error.Result.Trim();
        if (said.StartsWith(ReplayProgram.Prefix, StringComparison.Ordinal))
            said = said[ReplayProgram.Prefix.Length..];
        if (begun is not null)
            _results.Add(
                KernelResult.None(
                    begun,
                    KernelResult.Failed,
                    $"the process ended with exit code {process.ExitCode}{(said.Length > 0 ? $": {said}" : "")}"
                )
            );
        return _results.Count > before ? null
            : said.Length > 0 ? said
            : $"the process ended with exit code {process.ExitCode}";
    }
}
