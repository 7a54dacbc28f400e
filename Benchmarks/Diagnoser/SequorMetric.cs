using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using Sequor.Layers;

namespace Sequor.BenchmarkDotNet;

/// <summary>A column of <see cref="SequorDiagnoser"/>: its title, its unit, and what it takes from a record.</summary>
internal sealed class SequorMetric : IMetricDescriptor
{
    private readonly Func<DiagnosticsRecord, double?> _value;

    private SequorMetric(
        string name,
        string legend,
        Func<DiagnosticsRecord, double?> value,
        UnitType unitType = UnitType.Dimensionless,
        string unit = "",
        string format = "#,0.##"
    )
    {
        Id = "Sequor." + name.Replace(" ", "", StringComparison.Ordinal);
        (DisplayName, Legend, _value) = (name, legend, value);
        (UnitType, Unit, NumberFormat) = (unitType, unit, format);
    }

    /// <summary>All columns, from left to right.</summary>
    public static IReadOnlyList<SequorMetric> All { get; } = Make();

    public string Id { get; }

    public string DisplayName { get; }

    public string Legend { get; }

    public string NumberFormat { get; }

    public UnitType UnitType { get; }

    public string Unit { get; }

    public bool TheGreaterTheBetter => DisplayName == OfFloor;

    public int PriorityInCategory { get; private init; }

    private const string OfFloor = "Of Floor";

    /// <summary>The metrics that a record has; what is not known has none, and its cell is empty.</summary>
    public static IEnumerable<Metric> Of(DiagnosticsRecord record) =>
        from metric in All
        let value = metric._value(record)
        where value is not null
        select new Metric(metric, value.Value);

    public bool GetIsAvailable(Metric metric) => true;

    private static SequorMetric[] Make()
    {
        SequorMetric[] metrics =
        [
            // BenchmarkDotNet's times are nanoseconds.
            new(
                "Device Time",
                "Time between two marks around the work in the device's queue: events on a GPU, a clock on a CPU",
                r => r.DeviceMs * 1e6,
                UnitType.Time,
                "ns",
                "#,0.000"
            ),
            new(
                OfFloor,
                "The least time of the work at the measured peaks of copies and products, in percent of Device Time",
                r => r.FloorMs is { } floor ? 100 * floor / r.DeviceMs : null,
                format: "0.#'%'"
            ),
            new("Launches", "Launches of kernels and calls of libraries", r => r.Launches),
            Size(
                "Moved",
                "Bytes that the work must read and write, of what tells them",
                r => r.BytesMoved
            ),
            new("MFLOP", "Operations with floats, in millions", r => r.Flops / 1e6),
            Size(
                "Peak",
                "The most memory of the backend at one time, which the next columns have by category",
                r => r.PeakBytes.Values.Sum()
            ),
            .. Enum.GetValues<MemoryCategory>().Select(OfCategory),
        ];
        return [.. metrics.Select((metric, place) => metric.At(place))];
    }

    private static SequorMetric OfCategory(MemoryCategory category) =>
        Size(
            category == MemoryCategory.InputOutput ? "IO" : category.ToString(),
            $"The part of the peak that is {Words(category)}",
            // A category of which there is nothing in any benchmark has no column.
            r => r.PeakBytes.TryGetValue(category, out long bytes) ? bytes : null
        );

    private static string Words(MemoryCategory category) =>
        category == MemoryCategory.InputOutput
            ? "inputs, targets and losses"
            : category.ToString().ToLowerInvariant();

    // In one unit for all: BenchmarkDotNet would take the one that suits the managed heap.
    private static SequorMetric Size(
        string name,
        string legend,
        Func<DiagnosticsRecord, double?> bytes
    ) => new(name + " MiB", legend, r => bytes(r) / (1 << 20), format: "#,0.00");

    private SequorMetric At(int place) =>
        new(DisplayName, Legend, _value, UnitType, Unit, NumberFormat)
        {
            PriorityInCategory = place,
        };
}
