using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// What bench and profile have in common: steps of workloads are measured on a device, then the peaks of that, and all of it is
/// reported however it ended.
/// </summary>
internal sealed class StepsRun : IDisposable
{
    private readonly StopSignal _stop = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly string _verb;
    private readonly ParseResult _result;
    private readonly StepOptions _measured;
    private readonly WorkloadOptions _workload;
    private Screen? _screen;
    private BackendInfo? _device;
    private Machine? _machine;

    /// <param name="verb">The command's name.</param>
    /// <param name="result">The command line.</param>
    /// <param name="measured">How many steps.</param>
    /// <param name="workload">Of what, and where.</param>
    public StepsRun(string verb, ParseResult result, StepOptions measured, WorkloadOptions workload)
    {
        (_verb, _result, _measured, _workload) = (verb, result, measured, workload);
        Options = measured.Read(result, workload.Seed);
    }

    /// <summary>When it began.</summary>
    public DateTimeOffset Begin { get; } = DateTimeOffset.Now;

    /// <summary>Seconds since then.</summary>
    public double Seconds => Math.Round(_clock.Elapsed.TotalSeconds, 3);

    /// <summary>How much is measured.</summary>
    public MeasurementOptions Options { get; }

    /// <summary>Where it is measured; see <see cref="RequireDevice"/>.</summary>
    public BackendInfo Device => _device ?? throw new InvalidOperationException();

    /// <summary>The machine with that device.</summary>
    public Machine Machine => _machine ??= Machine.Read(Device);

    /// <summary>Where text goes; see <see cref="RequireOutputs"/>.</summary>
    public Screen Screen => _screen ?? throw new InvalidOperationException();

    /// <summary>What the machine does at most; null where it was not measured.</summary>
    public MachinePeaks? Peaks { get; private set; }

    /// <summary>What ended it; null for nothing but its end or a signal.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Whether a signal ended it.</summary>
    public bool IsInterrupted { get; private set; }

    /// <summary>Ends what is under way; for what cannot ask <see cref="Stops"/>.</summary>
    public CancellationToken StopToken => _stop.Token;

    /// <summary>How it ended, see <see cref="RunStatus"/>.</summary>
    public string Status => IsInterrupted ? RunStatus.Interrupted : Failures.StatusOf(Failure);

    /// <summary>Why it did not end as it should; null where it did.</summary>
    /// <param name="interrupted">What a signal left.</param>
    public string? Reason(Func<string> interrupted) =>
        IsInterrupted ? interrupted()
        : Failure is null ? null
        : Failures.Describe(Failure);

    /// <summary>Whether a signal asks for the end, which it then is.</summary>
    public bool Stops() => IsInterrupted = _stop.IsRequested;

    /// <summary>A backend of its own for a workload.</summary>
    public Backend CreateBackend() => _workload.Backend.Create(_result);

    /// <summary>Says early what would fail late: a device that is not there, or has not the memory.</summary>
    /// <param name="requireMemory">Fails where workloads do not fit.</param>
    public void RequireDevice(Action<Backend> requireMemory)
    {
        using Backend backend = CreateBackend();
        _device = backend.Info;
        _measured.RequireGpuForProfiler(_result, Device);
        requireMemory(backend);
    }

    /// <summary>Refuses outputs that would overwrite each other or what is read; all is ready then.</summary>
    public void RequireOutputs(params OutputFile?[] outputs)
    {
        OutputFile.RequireApart(outputs);
        foreach (string file in _workload.DataFilesOf(_result, _workload.TaskOf(_result)))
            OutputFile.RequireApartFrom(_workload.Data.Name, file, outputs);
        _screen = new Screen(outputs);
        _stop.Hold();
    }

    /// <summary>Measures, and then the peaks; a failure is kept, for the report.</summary>
    /// <param name="measure">Measures the steps.</param>
    /// <param name="areSteps">Whether some were measured here.</param>
    public void Measure(Action<ProgressLine> measure, Func<bool> areSteps)
    {
        try
        {
            using (var progress = new ProgressLine(Screen))
            {
                _workload.Backend.Tell = line => Checkpoints.Tell(_verb, progress, line);
                measure(progress);
            }
            // A signal may have come with the last step.
            if (!Stops() && areSteps())
                Peaks = BenchPeaks.Measure(_workload.Backend, _result, _clock.Elapsed);
        }
        catch (Exception e)
        {
            Failure = e;
        }
    }

    /// <summary>Shows how much is done and what comes next.</summary>
    public static void Show(ProgressLine progress, double done, Workload next) =>
        progress.Show(
            done,
            () =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{done:P0} {next.Architecture}, {Figures.Several(next.Task.Length, "step")}"
                )
        );

    /// <summary>Tells what is to be known of the results, writes them, and raises what failed.</summary>
    /// <param name="report">The report.</param>
    /// <param name="conditions">Of each result its name, its steps and the GPU's state meanwhile.</param>
    /// <param name="results">Files, null for those not asked for, and their contents.</param>
    /// <returns>The exit code.</returns>
    public int End(
        StepsReport report,
        IEnumerable<(string Name, int Steps, GpuConditionsReport? Conditions)> conditions,
        params ReadOnlySpan<(OutputFile? File, Func<byte[]> Content)> results
    )
    {
        foreach (string line in GpuConditionsView.Lines(conditions))
            Screen.Line(line);
        if (IsInterrupted)
            Screen.Line(report.Reason!);
        ResultFiles.Write(Failure, results);
        return IsInterrupted ? _stop.Code : ExitCode.Success;
    }

    public void Dispose() => _stop.Dispose();
}
