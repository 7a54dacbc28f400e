using Sequor.Layers;

namespace Sequor.BenchmarkDotNet;

/// <summary>What <see cref="SequorDiagnostics.Report(Backend, Action, ReportOptions?)"/> should know of a benchmark's work.</summary>
public sealed record ReportOptions
{
    /// <summary>
    /// What has to run before each time, as a forward pass before a backward pass; it is neither timed nor counted. Null for nothing.
    /// </summary>
    public Action? Before { get; init; }

    /// <summary>
    /// The same work, operation by operation, where the benchmark replays it as a recorded graph, in which nothing can be counted
    /// (<see cref="StepGraph.RunEager"/>); null where it is the work itself.
    /// </summary>
    public Action? Eager { get; init; }

    /// <summary>How many operations the work is, as the benchmark's attribute says; 1 or more.</summary>
    public int OperationsPerInvoke { get; init; } = 1;
}
