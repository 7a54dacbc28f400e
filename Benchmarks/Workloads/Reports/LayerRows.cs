using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Makes the rows of a report of a profiled step.</summary>
public static class LayerRows
{
    /// <summary>What a row is called that tells of memory alone: no operation of such a layer has run.</summary>
    public const string MemoryOnly = "memory";

    private const string Model = "model";

    /// <summary>
    /// The rows, in the order in which the step comes to them: one a layer, operation, pass and shapes. Their times are whole
    /// nanoseconds that add up to the step's; their held bytes are the ledger's.
    /// </summary>
    /// <param name="step">The step.</param>
    /// <param name="peaks">What floors are of; null for no floors.</param>
    public static IReadOnlyList<LayerRow> Of(ProfiledStep step, MachinePeaks? peaks)
    {
        ArgumentNullException.ThrowIfNull(step);
        Dictionary<string, long> held = step
            .Held.GroupBy(owned => NameOf(owned.Layer))
            .ToDictionary(layer => layer.Key, layer => layer.Sum(owned => owned.Bytes));
        var rows = new List<LayerRow>();
        foreach (
            var group in step.Operations.GroupBy(o => (o.Layer, o.Operation, o.Pass, o.Shapes))
        )
        {
            ProfiledOperation first = group.First();
            string name = NameOf(first.Layer);
            long? bytes = Sum(group.Select(o => o.BytesMoved));
            long? flops = Sum(group.Select(o => o.Flops));
            rows.Add(
                new LayerRow
                {
                    Name = name,
                    Kind = first.Kind,
                    Operation = first.Operation,
                    Pass = NameOf(first.Pass),
                    Shapes = first.Shapes,
                    Calls = group.Count(),
                    Ms = Milliseconds(group.Sum(o => o.Nanoseconds)),
                    BytesMoved = bytes,
                    BytesHeld = held.Remove(name, out long taken) ? taken : 0,
                    Flops = flops,
                    FloorMs = peaks?.FloorMilliseconds(bytes, flops) is { } floor
                        ? Math.Round(floor, 6)
                        : null,
                    Launches = (int?)Sum(group.Select(o => (long?)o.Launches)),
                }
            );
        }
        rows.AddRange(
            held.Where(layer => layer.Value > 0)
                .Select(layer => new LayerRow
                {
                    Name = layer.Key,
                    Kind = "",
                    Operation = MemoryOnly,
                    Pass = NameOf(ProfilePass.Other),
                    Shapes = "",
                    Calls = 0,
                    Ms = 0,
                    BytesMoved = 0,
                    BytesHeld = layer.Value,
                    Flops = 0,
                    FloorMs = peaks is null ? null : 0,
                    Launches = 0,
                })
        );
        return rows;
    }

    /// <summary>Nanoseconds as milliseconds, to the last digit.</summary>
    public static double Milliseconds(long nanoseconds) => (double)(nanoseconds / 1_000_000m);

    /// <summary>The name of a pass in reports.</summary>
    public static string NameOf(ProfilePass pass) => pass.ToString().ToLowerInvariant();

    /// <summary>The name of a category of memory in reports.</summary>
    public static string NameOf(MemoryCategory category) =>
        category == MemoryCategory.InputOutput ? "io" : category.ToString().ToLowerInvariant();

    /// <summary>The name of a layer in reports; that of the model itself would be nothing.</summary>
    public static string NameOf(string layer) => string.IsNullOrEmpty(layer) ? Model : layer;

    /// <summary>Whether an operation is none, but the time between two.</summary>
    public static bool IsBetween(ProfiledOperation operation) =>
        operation?.Operation == ProfiledOperation.Between;

    // Null where one is not known.
    private static long? Sum(IEnumerable<long?> values)
    {
        long sum = 0;
        foreach (long? value in values)
        {
            if (value is null)
                return null;
            sum += (long)value;
        }
        return sum;
    }
}
