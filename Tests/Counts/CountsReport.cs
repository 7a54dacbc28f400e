using System.Text.Json;
using System.Text.Json.Serialization;
using Sequor.Workloads;

namespace Sequor.Counts;

/// <summary>The JSON of counts; its keys are told in docs/json.md.</summary>
/// <param name="Gpu">What --gpu was given.</param>
/// <param name="Results">One an architecture.</param>
internal sealed record CountsReport(string Gpu, IReadOnlyList<CountsResult> Results)
{
    [JsonPropertyOrder(-1)]
    public string Schema { get; } = "sequor.counts/1";

    public static CountsReport Of(Gpu gpu, int length, IEnumerable<StepCount> counts) =>
        new(gpu.Key, [.. counts.Select(c => CountsResult.Of(c, length))]);

    public byte[] ToUtf8() =>
        JsonSerializer.SerializeToUtf8Bytes(this, CountsJson.Default.CountsReport);
}

/// <summary>A step of one architecture.</summary>
internal sealed record CountsResult(
    string Arch,
    int Length,
    int Batch,
    long Launches,
    long CudnnCalls,
    long CublasCalls,
    long Copies,
    long Bytes,
    long Flops,
    double FloorUs,
    IReadOnlyList<KernelResult> Kernels
)
{
    public static CountsResult Of(StepCount count, int length) =>
        new(
            count.Workload.Architecture.Name,
            length,
            count.Workload.Batch,
            count.Launches,
            count.Library.Where(c => c.IsCuDnn).Sum(c => c.Calls),
            count.Library.Where(c => !c.IsCuDnn).Sum(c => c.Calls),
            count.Copies,
            count.Bytes,
            count.Operations,
            Rounded(count.FloorMicroseconds),
            [.. count.Kernels.Select(KernelResult.Of)]
        );

    public static double Rounded(double value) => Math.Round(value, 6);
}

/// <summary>A kernel's launches in that step.</summary>
internal sealed record KernelResult(
    string Name,
    long Launches,
    long Bytes,
    long Sectors,
    long BankConflicts,
    int Registers,
    double Occupancy,
    double FloorUs
)
{
    public static KernelResult Of(KernelTally kernel) =>
        new(
            kernel.Name,
            kernel.Counts.Launches,
            kernel.Counts.BytesTouched,
            kernel.Counts.Sectors,
            kernel.Counts.BankConflicts,
            kernel.Registers,
            CountsResult.Rounded(kernel.Occupancy),
            CountsResult.Rounded(kernel.FloorMicroseconds)
        );
}

/// <summary>Writes the JSON without reflection, as the other reports are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CountsReport))]
internal sealed partial class CountsJson : JsonSerializerContext;
