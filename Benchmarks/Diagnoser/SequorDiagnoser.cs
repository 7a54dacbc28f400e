using BenchmarkDotNet.Analysers;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Validators;

namespace Sequor.BenchmarkDotNet;

/// <summary>
/// Asks benchmarks what their work takes on the device (<see cref="SequorDiagnostics.Report(Layers.Backend, Action, ReportOptions?)"/>) and shows it in columns:
/// time between two marks in the device's queue, its share of the floor, launches, bytes, and the peak of memory by category. It works in
/// the benchmarks' own processes and in one with them, and changes nothing of what is measured.
/// </summary>
public sealed class SequorDiagnoser : IDiagnoser
{
    private readonly Dictionary<BenchmarkCase, string> _files = [];
    private readonly Dictionary<BenchmarkCase, DiagnosticsRecord> _records = [];
    private readonly List<string> _complaints = [];

    /// <summary>A diagnoser with an exporter of its own.</summary>
    public SequorDiagnoser() => Exporters = [new SequorJsonExporter(_records)];

    /// <inheritdoc/>
    public IEnumerable<string> Ids => [nameof(SequorDiagnoser)];

    /// <summary>The one that writes sequor.suites/1.</summary>
    public IEnumerable<IExporter> Exporters { get; }

    /// <inheritdoc/>
    public IEnumerable<IAnalyser> Analysers => [];

    /// <summary>With the run that is measured: a report comes after it, where the benchmark cleans up.</summary>
    public RunMode GetRunMode(BenchmarkCase benchmarkCase) => RunMode.NoOverhead;

    /// <summary>Names the file to the process that runs a benchmark, before it begins.</summary>
    public void Handle(HostSignal signal, DiagnoserActionParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        switch (signal)
        {
            case HostSignal.BeforeProcessStart:
                parameters.Process.StartInfo.EnvironmentVariables[DiagnosticsRecord.Variable] =
                    FileOf(parameters.BenchmarkCase);
                break;
            // In the process of the benchmark itself there is no start; in another one it is too late to set anything.
            case HostSignal.BeforeAnythingElse when IsThis(parameters):
                Environment.SetEnvironmentVariable(
                    DiagnosticsRecord.Variable,
                    FileOf(parameters.BenchmarkCase)
                );
                break;
            case HostSignal.AfterAll when IsThis(parameters):
                Environment.SetEnvironmentVariable(DiagnosticsRecord.Variable, null);
                break;
        }
    }

    /// <summary>The columns of a benchmark.</summary>
    public IEnumerable<Metric> ProcessResults(DiagnoserResults results)
    {
        ArgumentNullException.ThrowIfNull(results);
        BenchmarkCase benchmark = results.BenchmarkCase;
        string name =
            $"{benchmark.Descriptor.Type.Name}.{benchmark.Descriptor.WorkloadMethod.Name}";
        if (!_files.Remove(benchmark, out string? file))
            return [];
        try
        {
            if (DiagnosticsRecord.Read(file) is { } record)
                return SequorMetric.Of(_records[benchmark] = record);
            _complaints.Add(
                $"{name} reported nothing: its GlobalCleanup has to call {nameof(SequorDiagnostics)}.{nameof(SequorDiagnostics.Report)}."
            );
            return [];
        }
        catch (Exception e)
            when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            _complaints.Add($"{name}: {e.Message}");
            return [];
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Tells which benchmarks gave no report, and why.</summary>
    public void DisplayResults(ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(logger);
        foreach (string complaint in _complaints.Distinct())
            logger.WriteLineHint($"Sequor: {complaint}");
        _complaints.Clear();
    }

    /// <inheritdoc/>
    public IEnumerable<ValidationError> Validate(ValidationParameters validationParameters) => [];

    private static bool IsThis(DiagnoserActionParameters parameters) =>
        parameters.Process?.Id == Environment.ProcessId;

    private string FileOf(BenchmarkCase benchmark)
    {
        if (!_files.TryGetValue(benchmark, out string? file))
            _files[benchmark] = file = Path.Combine(
                Path.GetTempPath(),
                $"sequor-diagnostics-{Guid.NewGuid():N}.jsonl"
            );
        return file;
    }
}
