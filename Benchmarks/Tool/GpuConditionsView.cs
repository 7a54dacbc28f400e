using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How the state of a GPU looks to people.</summary>
internal static class GpuConditionsView
{
    /// <summary>A line for all results, and a warning where the GPU's own state spoilt some of them; nothing of a CPU.</summary>
    /// <param name="results">Of each its name, how many steps it has, and the GPU's state meanwhile.</param>
    /// <param name="what">What is flagged, such as step.</param>
    public static IEnumerable<string> Lines(
        IEnumerable<(string Name, int Steps, GpuConditionsReport? Conditions)> results,
        string what = "step"
    )
    {
        (string Name, int Steps, GpuConditionsReport? Conditions)[] several = [.. results];
        int steps = several.Sum(r => r.Steps);
        if (GpuConditionsReport.Merge([.. several.Select(r => r.Conditions)], steps) is not { } all)
            yield break;
        if (all.Reason is { } reason)
        {
            yield return $"GPU: clocks, temperature and power are not known: {reason}.";
            yield break;
        }
        string[] values =
        [
            .. Value(all.SmMhz, "MHz", all.SmMhzMax),
            .. Value(all.MemoryMhz, "MHz memory", all.MemoryMhzMax),
            .. Value(all.TemperatureC, "C", null),
            .. Value(all.PowerW, "W", all.PowerLimitW),
            .. Value(all.UtilizationPercent, "% busy", null),
        ];
        yield return "GPU: "
            + (values.Length > 0 ? string.Join(", ", values) : "nothing is told")
            + Text($"; {Several(all.Samples, "sample")}, {all.PeriodMs:0} ms apart")
            + (
                all.FlaggedSteps is { } flagged
                    ? Text($"; {Slowed(flagged, steps, what)}{Why(all)}.")
                    : "; whether it slowed itself is not known."
            );
        if (all.Unknown.Count > 0)
            yield return $"GPU: not told by NVML: {string.Join("; ", all.Unknown)}.";
        string[] spoilt =
        [
            .. several
                .Where(r => r.Conditions?.Spoilt == true)
                .Select(r => Text($"{r.Name} ({r.Conditions!.FlaggedSteps} of {r.Steps})")),
        ];
        if (spoilt.Length == 0)
            yield break;
        yield return Text(
            $"Warning: the GPU slowed itself in more than {GpuConditions.Tolerated:P0} of the {what}s of {string.Join(", ", spoilt)}; these times are those of a slower GPU."
        );
    }

    /// <summary>A state in one line.</summary>
    public static string Describe(GpuStateReport state)
    {
        if (state.Reason is { } reason)
            return $"clocks, temperature and power are not known: {reason}";
        string[] values =
        [
            .. Value(Single(state.SmMhz), "MHz", state.SmMhzMax),
            .. Value(Single(state.MemoryMhz), "MHz memory", state.MemoryMhzMax),
            .. Value(Single(state.TemperatureC), "C", null),
            .. Value(Single(state.PowerW), "W", state.PowerLimitW),
            .. Value(Single(state.UtilizationPercent), "% busy", null),
            .. state.Reasons is { Count: > 0 } reasons
                ? [$"clocks: {string.Join(", ", reasons)}"]
                : Array.Empty<string>(),
            .. state.PersistenceMode is { } stays
                ? [stays ? "persistence mode on" : "persistence mode off"]
                : Array.Empty<string>(),
            .. state.Unknown.Select(unknown => $"not told: {unknown}"),
        ];
        return string.Join(", ", values);
    }

    private static Extent? Single(double? value) => Extent.Of([value]);

    /// <summary>A value with what it ranges over and what it can be, such as "1920 MHz (1905-1980) of 1980"; nothing of an unknown one.</summary>
    private static IEnumerable<string> Value(Extent? value, string unit, double? most)
    {
        if (value is null)
            yield break;
        string range = value.Min < value.Max ? Text($" ({value.Min:0}-{value.Max:0})") : "";
        string limit = most is { } limited ? Text($" of {limited:0}") : "";
        yield return Text($"{value.Median:0} {unit}{range}{limit}");
    }

    private static string Slowed(int flagged, int steps, string what) =>
        flagged == 0
            ? $"it slowed itself in no {what}"
            : Text($"it slowed itself in {flagged} of {Several(steps, what)}");

    private static string Why(GpuConditionsReport all) =>
        all.Reasons is { Count: > 0 } reasons ? $" (clocks: {string.Join(", ", reasons)})" : "";
}
