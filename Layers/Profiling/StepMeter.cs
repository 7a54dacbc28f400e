using System.Diagnostics.Metrics;

namespace Sequor.Layers;

/// <summary>
/// What .NET's own tools see of training: the meter "Sequor", which dotnet-counters, OpenTelemetry and a <see cref="MeterListener"/> can listen
/// to. Steps that a <see cref="StepGraph"/> runs report to it, a <see cref="Trainer"/>'s among them. Where nobody listens that costs a
/// comparison a step.
/// </summary>
internal static class StepMeter
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Sequor";

    private const string DeviceTag = "device";
    private const string CategoryTag = "category";

    private static readonly Meter Meter = new(Name);

    private static readonly Counter<long> Steps = Meter.CreateCounter<long>(
        "sequor.steps",
        "{step}",
        "Steps that were run."
    );

    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>(
        "sequor.tokens",
        "{token}",
        "Steps of sequences that forward passes took, without padding."
    );

    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "sequor.step.duration",
        "s",
        "The time of a step; on a GPU that of the device."
    );

    private static readonly List<WeakReference<Backend>> Backends = [];

    private static readonly string[] Categories = Enum.GetNames<MemoryCategory>();

    static StepMeter() =>
        _ = Meter.CreateObservableUpDownCounter(
            "sequor.memory.allocated",
            Allocated,
            "By",
            "Bytes that backends have allocated, by category."
        );

    /// <summary>Whether anybody listens to steps.</summary>
    public static bool IsOn => Steps.Enabled || Tokens.Enabled || Duration.Enabled;

    /// <summary>Has the memory of a backend be told as long as it lives.</summary>
    public static void Add(Backend backend)
    {
        lock (Backends)
        {
            Backends.RemoveAll(known => !known.TryGetTarget(out _));
            Backends.Add(new WeakReference<Backend>(backend));
        }
    }

    /// <summary>Counts a step.</summary>
    public static void Count(Backend backend, long tokens)
    {
        var device = new KeyValuePair<string, object?>(DeviceTag, backend.Info.Device);
        Steps.Add(1, device);
        Tokens.Add(tokens, device);
    }

    /// <summary>Notes how long a step took.</summary>
    public static void Took(Backend backend, long nanoseconds) =>
        Duration.Record(
            nanoseconds / 1e9,
            new KeyValuePair<string, object?>(DeviceTag, backend.Info.Device)
        );

    // Several backends of one device are one.
    private static IEnumerable<Measurement<long>> Allocated()
    {
        var sums = new SortedDictionary<(string Device, int Category), long>();
        lock (Backends)
        {
            foreach (WeakReference<Backend> known in Backends)
            {
                if (!known.TryGetTarget(out Backend? backend) || backend.IsDisposed)
                    continue;
                for (int i = 0; i < Categories.Length; i++)
                {
                    (string, int) key = (backend.Info.Device, i);
                    sums[key] =
                        sums.GetValueOrDefault(key) + backend.Ledger.Current((MemoryCategory)i);
                }
            }
        }
        return
        [
            .. sums.Select(sum => new Measurement<long>(
                sum.Value,
                new KeyValuePair<string, object?>(DeviceTag, sum.Key.Device),
                new KeyValuePair<string, object?>(CategoryTag, Categories[sum.Key.Category])
            )),
        ];
    }
}
