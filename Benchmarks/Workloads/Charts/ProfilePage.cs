using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>Profiled steps as a page: of each workload the timeline, the layers as a tree, the operations, and the memory's owners.</summary>
public static class ProfilePage
{
    // Levels of the tree, in blanks that do not break.
    private const string Indent = "\u00a0\u00a0";

    /// <summary>The page: HTML that needs no other file and no network.</summary>
    /// <param name="report">What was measured.</param>
    /// <param name="profiles">The same with the single operations, result by result.</param>
    /// <param name="peaks">What floors are of; null for no floors.</param>
    /// <param name="date">When.</param>
    public static string Render(
        ProfileReport report,
        IReadOnlyList<Profiled> profiles,
        MachinePeaks? peaks,
        DateTimeOffset date
    )
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(profiles);
        HtmlText body = Page.Notice(report.Status, report.Reason);
        for (int i = 0; i < report.Results.Count; i++)
            body.Add($"{Section(report.Results[i], profiles[i], peaks)}");
        return Page.Render(
            Text($"Profile of training steps: {report.Task}"),
            Facts(report, date),
            body,
            [],
            System.Text.Encoding.UTF8.GetString(ReportWriter.ToUtf8(report)),
            Assets.ProfileCss,
            report.Results.Count > 0 ? Assets.Profile : null
        );
    }

    private static IEnumerable<(string Name, string Value)> Facts(
        ProfileReport report,
        DateTimeOffset date
    )
    {
        foreach ((string, string) fact in Page.Facts(report.Machine, date))
            yield return fact;
        if (report.Results.Count > 0)
            yield return (
                "Device",
                $"{report.Results[0].Device}, {Several(report.Threads, "thread")}"
            );
        if (report.Gpu is { } gpu)
            yield return (
                "GPU",
                $"{gpu.Name}, compute capability {gpu.ComputeCapability}, cuDNN {gpu.Cudnn}, cuBLAS {gpu.Cublas}, {gpu.Arithmetic}"
            );
        yield return (
            "Steps",
            Text(
                $"{report.Warmup} of warm-up, {report.Steps} without a profile and as many with one by turns; Adam; seed {report.Seed}"
            )
        );
        if (report.Peaks is { } reached)
            yield return ("Peaks", ProfileFigures.Peaks(reached));
        yield return ("Time", Text($"{report.Seconds:0.0} s in all"));
    }

    private static HtmlText Section(ProfileResult result, Profiled profiled, MachinePeaks? peaks)
    {
        IEnumerable<HtmlText> warnings = (result.Warnings ?? []).Select(warning =>
            HtmlText.Of($"<p class=\"note warning\">Warning: {warning}</p>\n")
        );
        string size = Text(
            $"T = {result.Length}, B = {result.Batch}, {Count(result.Parameters)} parameters"
        );
        return HtmlText.Of(
            $"""
            <section class="card">
            <h2>{result.Arch}: one training step, {size}</h2>
            <p class="note">Median step without a profile {ProfileFigures.Milliseconds(result.StepMs.Median)} ms ({ProfileFigures.Range(result.StepMs)} ms from the 5th to the 95th percentile); the profiled step below {ProfileFigures.Milliseconds(result.ProfiledMs)} ms{(result.ProfiledGraph ? ", replayed as a CUDA graph" : "")}; {ProfileFigures.Mebibytes(
                result.PeakBytes
            )} MiB at the peak.</p>
            {warnings}<noscript><p class="note">The timeline is whole without JavaScript; with it, it can be zoomed. The tables hold the same numbers.</p></noscript>
            {ProfileTimeline.Render(profiled, peaks)}<h3>Layers, in the model's order</h3>
            {Tree(
                result
            )}<p class="note">{ProfileFigures.Legend} MiB: memory that the layer holds. A layer's figures include those of the layers within it.</p>
            {Peak(
                result
            )}<details><summary>Operations, those that take longest first</summary>{Operations(
                result
            )}</details>
            </section>

            """
        );
    }

    private static HtmlText Tree(ProfileResult result)
    {
        return Page.Table(
            $"Layers of {result.Arch}",
            ProfileFigures.TreeColumns,
            ProfileFigures.TreeRows(result, Indent),
            texts: 2
        );
    }

    private static HtmlText Operations(ProfileResult result) =>
        Page.Table(
            $"Operations of {result.Arch}",
            ProfileFigures.OperationColumns,
            result
                .Layers.Where(row => row.Calls > 0)
                .OrderByDescending(row => row.Ms)
                .Select(row => ProfileFigures.OperationCells(row, result.ProfiledMs)),
            texts: 3
        );

    private static HtmlText Peak(ProfileResult result) =>
        result.Peak is not { } peak
            ? new HtmlText()
            : HtmlText.Of(
                $"""
                <details><summary>{ProfileFigures.PeakLine(peak)}</summary>{Page.Table(
                    $"Memory in use at the peak of {result.Arch}",
                    ["layer", "category", "MiB", "share"],
                    ProfileFigures.OwnerRows(peak),
                    texts: 2
                )}</details>

                """
            );
}
