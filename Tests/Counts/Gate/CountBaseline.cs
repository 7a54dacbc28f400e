using System.Text;
using System.Text.Json.Nodes;

namespace Sequor.Counts;

/// <summary>
/// What of a report is counted, and what the counts depend on: no time, no machine and no date, so that the file is the same
/// wherever it is recorded. Lists have a line an item, so that a change can be read.
/// </summary>
internal static class CountBaseline
{
    private const string Managed = "managed_bytes_per_step";

    private static readonly HashSet<string> Conditions = ["schema", "threads", "task", "seed"];

    // Of a machine and its GPU.
    private static readonly HashSet<string> Device = ["vector_bits", "arithmetic", "convolution"];

    private static readonly HashSet<string> Counts =
    [
        "arch",
        "device",
        "name",
        "length",
        "batch",
        "hidden",
        "layers",
        "variant",
        "parameters",
        "peak_bytes",
        "native_allocations_per_step",
        Managed,
        "graph_nodes",
        "launches",
        "cudnn_calls",
        "cublas_calls",
        "copies",
        "bytes",
        "bytes_moved",
        "bytes_unknown",
        "flops",
        "bytes_moved",
        "bytes_unknown",
        "floor_us",
        "sectors",
        "bank_conflicts",
        "registers",
    ];

    /// <summary>The baseline of a report of bench or counts.</summary>
    public static JsonObject Of(byte[] report)
    {
        JsonObject all = JsonNode.Parse(report)!.AsObject();
        JsonObject baseline = Only(all, Conditions);
        if (all["gpu"] is JsonObject gpu)
            baseline["gpu"] = Only(gpu, Device);
        else if (all["gpu"] is { } name)
            baseline["gpu"] = name.DeepClone();
        if (all["machine"] is JsonObject machine)
            baseline["machine"] = all["gpu"] is null ? Only(machine, Device) : [];
        baseline["results"] = new JsonArray([
            .. all["results"]!.AsArray().Select(result => Result(result!.AsObject(), all)),
        ]);
        return baseline;
    }

    /// <summary>Whether steps took managed memory, or something did while they ran.</summary>
    public static bool HasManaged(JsonObject baseline) =>
        baseline["results"]!.AsArray().Any(result => (double?)result![Managed] > 0);

    /// <summary>Takes the managed memory of another run of the same where that is less.</summary>
    public static void TakeLeast(JsonObject baseline, JsonObject other)
    {
        foreach (
            (JsonNode? mine, JsonNode? theirs) in baseline["results"]!
                .AsArray()
                .Zip(other["results"]!.AsArray())
        )
        {
            if ((double)theirs![Managed]! < (double)mine![Managed]!)
                mine[Managed] = theirs[Managed]!.DeepClone();
        }
    }

    /// <summary>The baseline as a file.</summary>
    public static byte[] ToUtf8(JsonObject baseline) =>
        Encoding.UTF8.GetBytes(Written(baseline, 0));

    private static JsonObject Result(JsonObject result, JsonObject report)
    {
        JsonObject kept = Only(result, Counts);
        // What the virtual GPU itself takes of managed memory is no part of a step.
        if (report["gpu"] is not null)
            kept.Remove(Managed);
        if (result["kernels"] is JsonArray kernels)
            kept["kernels"] = new JsonArray([
                .. kernels.Select(kernel => Only(kernel!.AsObject(), Counts)),
            ]);
        return kept;
    }

    private static JsonObject Only(JsonObject from, HashSet<string> keys) =>
        new(
            from.Where(pair => keys.Contains(pair.Key))
                .Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone()))
        );

    // Objects of plain values are a line; what holds a list has a line for each part.
    private static string Written(JsonNode? node, int depth)
    {
        bool flat = node switch
        {
            JsonObject o => o.All(pair => pair.Value is not JsonArray),
            JsonArray a => a.Count == 0,
            _ => true,
        };
        if (flat)
            return node?.ToJsonString() ?? "null";
        string[] parts = node is JsonObject all
            ? [.. all.Select(pair => $"\"{pair.Key}\": {Written(pair.Value, depth + 1)}")]
            : [.. node!.AsArray().Select(item => Written(item, depth + 1))];
        string indent = new(' ', 2 * (depth + 1));
        (char begin, char end) = node is JsonObject ? ('{', '}') : ('[', ']');
        return $"{begin}\n{string.Join(",\n", parts.Select(part => indent + part))}\n{new string(' ', 2 * depth)}{end}";
    }
}
