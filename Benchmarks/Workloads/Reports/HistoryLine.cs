using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Sequor.Workloads;

/// <summary>
/// A line of a history, schema sequor.history/1: a report of sequor.bench/1 with no other keys than those that trends are drawn from,
/// so that a file of thousands of lines stays small.
/// </summary>
public static class HistoryLine
{
    /// <summary>The format's name.</summary>
    public const string Schema = "sequor.history/1";

    private static readonly string[] OfRun =
    [
        "schema",
        "machine",
        "date",
        "gpu",
        "threads",
        "task",
        "results",
    ];

    private static readonly string[] OfResult =
    [
        "arch",
        "device",
        "length",
        "batch",
        "hidden",
        "layers",
        "variant",
        "parameters",
        "step_ms",
        "rounds_ms",
        "peak_bytes",
        "native_allocations_per_step",
        "managed_bytes_per_step",
        "bytes_moved",
        "bytes_unknown",
        "flops",
        "launches",
        "graph_nodes",
    ];

    private static readonly JsonTypeInfo<BenchReport> KeptTypeInfo =
        (JsonTypeInfo<BenchReport>)
            new JsonSerializerOptions(ReadReportJson.Default.Options)
            {
                TypeInfoResolver = ReadReportJson.Default.WithAddedModifier(Keep),
            }.GetTypeInfo(typeof(BenchReport));

    /// <summary>The line of a report as UTF-8, without its end.</summary>
    public static byte[] ToUtf8(BenchReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return JsonSerializer.SerializeToUtf8Bytes(report with { Schema = Schema }, KeptTypeInfo);
    }

    private static void Keep(JsonTypeInfo type)
    {
        string[]? keys =
            type.Type == typeof(BenchReport) ? OfRun
            : type.Type == typeof(BenchResult) ? OfResult
            : null;
        foreach (JsonPropertyInfo property in keys is null ? [] : type.Properties)
        {
            if (!keys!.Contains(property.Name))
                property.ShouldSerialize = static (_, _) => false;
        }
    }
}
