using Sequor.Layers;
using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How a profile looks to people.</summary>
internal static class ProfileView
{
    private const string Indent = "  ";
    private const int MostOperations = 12;
    private const int MostOwners = 8;

    // On a terminal with less room than that some columns are left out; the JSON and the page have them.
    private const int RoomForTree = 112;
    private const int RoomForShapes = 180;

    public static void Results(Screen screen, ProfileReport report)
    {
        foreach (ProfileResult result in report.Results)
            Show(screen, result);
        if (report.Results.Count == 0)
            return;
        if (report.Peaks is { } peaks)
            screen.Line($"Peaks: {ProfileFigures.Peaks(peaks)}.");
        screen.Line(
            $"{ProfileFigures.Legend} MiB: memory held. A layer's figures include those of the layers within it. "
                + Text($"{report.Seconds:0.0} s in all.")
        );
    }

    private static void Show(Screen screen, ProfileResult result)
    {
        screen.Table(
            Text(
                $"{result.Arch}, {Size(result.Hidden, result.Depth, result.Variant)}, {Several(result.Parameters, "parameter")}: layers in the model's order"
            ),
            Shown(ProfileFigures.TreeColumns),
            ProfileFigures.TreeRows(result, Indent).Select(row => Shown(row).ToArray())
        );
        LayerRow[] operations =
        [
            .. result.Layers.Where(row => row.Calls > 0).OrderByDescending(row => row.Ms),
        ];
        int shown = Math.Min(MostOperations, operations.Length);
        screen.Table(
            Text(
                $"{result.Arch}: {shown} of {Several(operations.Length, "operation")}, worst first"
            ),
            Kept(ProfileFigures.OperationColumns),
            operations
                .Take(shown)
                .Select(row =>
                    Kept(ProfileFigures.OperationCells(row, result.ProfiledMs)).ToArray()
                )
        );
        if (result.Peak is { } peak)
        {
            string[][] owners = [.. ProfileFigures.OwnerRows(peak)];
            screen.Table(
                ProfileFigures.PeakLine(peak)
                    + (
                        owners.Length > MostOwners
                            ? Text($"; the {MostOwners} largest of {owners.Length} owners")
                            : ""
                    ),
                ["owner", "category", "MiB", "share"],
                owners.Take(MostOwners)
            );
        }
        screen.Line(
            Text(
                $"{result.Arch}: a step takes {ProfileFigures.Milliseconds(result.StepMs.Median)} ms ({ProfileFigures.Range(result.StepMs)}), the profiled one above {ProfileFigures.Milliseconds(result.ProfiledMs)} ms; the profile adds {result.Overhead:0.0%}. Medians of {Several(result.SamplesMs.Count, "step")} each. {ProfileFigures.Mebibytes(result.PeakBytes)} MiB at the peak."
            ) + Graph(result)
        );
        foreach (string warning in result.Warnings ?? [])
            screen.Line($"{result.Arch}: warning: {warning}");
        foreach (string fallback in (result.Fallbacks ?? []).Take(1))
            screen.Line(
                Text(
                    $"Not as was asked for, in {result.Arch}: {Amount.Of(result.Fallbacks!.Count, "operation")}. {fallback}"
                )
            );
        screen.Line();

        // Without the layer's kind and the launches.
        IReadOnlyList<string> Shown(IReadOnlyList<string> row) =>
            screen.Width >= RoomForTree ? row : [row[0], .. row.Skip(2).Take(4), .. row.Skip(7)];

        // Without calls, without shapes.
        IReadOnlyList<string> Kept(IReadOnlyList<string> row) =>
            screen.Width >= RoomForShapes ? row
            : screen.Width >= RoomForTree ? [.. row.SkipLast(1)]
            : [.. row.Take(3), .. row.Skip(4).Take(2), .. row.Skip(7).SkipLast(1)];
    }

    // How the device was given the profiled step.
    private static string Graph(ProfileResult result) =>
        result.Device == "cpu" ? ""
        : result.ProfiledGraph
            ? Text(
                $" Replayed as one graph, of {Amount.Of(result.GraphNodes, "operation")} without the marks."
            )
        : $" Operation by operation ({result.EagerReason ?? "too few steps"}).";

    /// <summary>That a profile is a partial one, and which part.</summary>
    /// <param name="profiles">What was measured.</param>
    /// <param name="count">Models that were to be measured.</param>
    /// <param name="options">Steps that each was to have.</param>
    public static string Interrupted(
        IReadOnlyList<Profiled> profiles,
        int count,
        MeasurementOptions options
    ) =>
        profiles.Count == 0
            ? "Interrupted before a step was profiled: there are no results."
            : Text(
                $"Interrupted: these results are partial, of {profiles.Count} of {Several(count, "model")}, {profiles[^1].Plain.Count} of {Several(options.Steps, "step")} the last."
            );
}
