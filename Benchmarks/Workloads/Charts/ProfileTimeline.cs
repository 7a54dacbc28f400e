using System.Globalization;
using System.Text;
using Sequor.Layers;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>
/// The timeline of a profiled step: its passes, layers and operations over one axis of time, and below them the memory in use by
/// category. It is HTML and SVG in percents of the step, so it can be read with no script; profile.js zooms it.
/// </summary>
internal static class ProfileTimeline
{
    private const int RowHeight = 22;
    private const int Ticks = 5;

    // The heights of the memory's picture, which is stretched to its place.
    private const int MemoryHeight = 1000;

    // Narrower parts of the whole step are given no room at the sides of their names.
    private const double Narrow = 0.004;

    private static readonly ProfilePass[] Legend =
    [
        ProfilePass.Forward,
        ProfilePass.Loss,
        ProfilePass.Backward,
        ProfilePass.Update,
        ProfilePass.Copy,
        ProfilePass.Other,
    ];

    /// <summary>The timeline.</summary>
    /// <param name="profiled">What was measured.</param>
    /// <param name="peaks">What floors are of; null for no floors.</param>
    public static HtmlText Render(Profiled profiled, MachinePeaks? peaks)
    {
        ProfiledStep step = profiled.Step;
        var whole = StepSpan.Of(step);
        (StepSpan Span, int Depth)[] spans = [.. whole.All()];
        double milliseconds = LayerRows.Milliseconds(whole.End);
        int rows = spans.Max(s => s.Depth) + 1;
        IReadOnlyList<MemoryPoint> points = MemoryPoint.Of(step);
        string name = profiled.Workload.Architecture.Name;
        return HtmlText.Of(
            $"""
            <div class="timeline" data-ms="{milliseconds}">
            <div class="tools" hidden><button type="button" data-use="in">Zoom in</button><button type="button" data-use="out">Zoom out</button><button type="button" data-use="all">All</button><button type="button" data-use="before">Previous</button><button type="button" data-use="after">Next</button><span class="keys-hint">Drag to move, Ctrl and wheel to zoom, double click to fill; keys: + − 0, arrows, Page Up and Down, Enter.</span></div>
            {Keys(
                step
            )}<div class="view" role="region" tabindex="0" aria-label="Timeline of {name}">
            <div class="track-of-time">
            <div class="time-axis">{StaticTicks(milliseconds)}</div>
            <div class="spans" style="height:{rows * RowHeight}px">
            {spans.Select(s => Span(s.Span, s.Depth, whole.End, step, peaks))}</div>
            {Memory(points, whole.End)}</div>
            </div>
            {MemoryKeys(points)}            <p class="said" aria-live="polite"></p>
            </div>

            """
        );
    }

    private static HtmlText Keys(ProfiledStep step)
    {
        var legend = new HtmlText();
        legend.Add($"<ul class=\"legend\">");
        foreach (ProfilePass pass in Legend.Where(p => step.Operations.Any(o => o.Pass == p)))
        {
            string name = LayerRows.NameOf(pass);
            legend.Add($"<li><span class=\"swatch tone of-{name}\"></span>{name}</li>");
        }
        return legend.Add($"<li>time in ms</li></ul>\n");
    }

    private static HtmlText StaticTicks(double milliseconds)
    {
        var ticks = new HtmlText();
        for (int i = 0; i < Ticks; i++)
            ticks.Add(
                $"<span style=\"left:{100.0 * i / Ticks}%\">{Milliseconds(milliseconds * i / Ticks)}</span>"
            );
        return ticks;
    }

    private static HtmlText Span(
        StepSpan span,
        int depth,
        long end,
        ProfiledStep step,
        MachinePeaks? peaks
    )
    {
        ProfiledOperation first = step.Operations[span.Operation];
        string tone = span.Kind == SpanKind.Step ? "step" : LayerRows.NameOf(first.Pass);
        string kind =
            span.Kind == SpanKind.Operation ? "operation"
            : span.Kind == SpanKind.Layer ? "layer"
            : "whole";
        string narrow = span.End - span.Begin < Narrow * end ? " narrow" : "";
        return HtmlText.Of(
            $"<div class=\"span {kind} of-{tone}{narrow}\" style=\"top:{depth * RowHeight}px;left:{Percent(span.Begin, end)}%;width:{Percent(span.End - span.Begin, end)}%\" title=\"{Told(span, end, step, peaks)}\"><b>{span.Name}{(span.Kind == SpanKind.Layer ? Kind(span, step) : "")}</b></div>\n"
        );
    }

    // Of a layer whose own operation comes first; others contain layers.
    private static string Kind(StepSpan span, ProfiledStep step)
    {
        ProfiledOperation first = step.Operations[span.Operation];
        return LayerRows.NameOf(first.Layer) == span.Name && first.Kind.Length > 0
            ? $" ({first.Kind})"
            : "";
    }

    private static string Told(StepSpan span, long end, ProfiledStep step, MachinePeaks? peaks)
    {
        double ms = LayerRows.Milliseconds(span.End - span.Begin);
        string time = Text(
            $"{ProfileFigures.Milliseconds(ms)} ms, {(double)(span.End - span.Begin) / Math.Max(end, 1):0.0%}"
        );
        if (span.Kind != SpanKind.Operation)
            return $"{span.Kind.ToString().ToLowerInvariant()} {span.Name}{Kind(span, step)}: {time}";
        ProfiledOperation o = step.Operations[span.Operation];
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{LayerRows.NameOf(o.Layer)}{(o.Kind.Length > 0 ? $" ({o.Kind})" : "")}, {LayerRows.NameOf(o.Pass)}: {o.Operation}"
        );
        if (o.Shapes.Length > 0)
            text.Append(CultureInfo.InvariantCulture, $" {o.Shapes}");
        text.Append(CultureInfo.InvariantCulture, $"; {time}");
        if (o.BytesMoved is > 0 and var bytes)
            text.Append(
                CultureInfo.InvariantCulture,
                $"; {ProfileFigures.Mebibytes(bytes)} MiB moved"
            );
        if (o.Flops is > 0 and var flops)
            text.Append(CultureInfo.InvariantCulture, $"; {flops / 1e6:#,0.###} MFLOP");
        if (peaks?.FloorMilliseconds(o.BytesMoved, o.Flops) is > 0 and var floor)
            text.Append(
                CultureInfo.InvariantCulture,
                $"; floor {ProfileFigures.Milliseconds(floor)} ms"
            );
        if (o.Launches is > 0 and var launches)
            text.Append(
                CultureInfo.InvariantCulture,
                $"; {launches} {(launches == 1 ? "launch" : "launches")}"
            );
        return text.ToString();
    }

    // Areas that lie on each other, each a path of steps.
    private static HtmlText Memory(IReadOnlyList<MemoryPoint> points, long end)
    {
        if (points.Count == 0)
            return new HtmlText();
        double most = Math.Max(1, points.Max(p => p.Bytes.Values.Sum()));
        long[][] parts = Parts(points);
        var svg = new HtmlText();
        svg.Add(
            $"<div class=\"memory\"><div class=\"most\">in use, at most {ProfileFigures.Mebibytes((long)most)} MiB</div><svg viewBox=\"0 0 {end} {MemoryHeight}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Memory in use by category\">"
        );
        var below = new double[points.Count];
        for (int c = 0; c < BenchFigures.Categories.Count; c++)
        {
            double[] above = [.. below.Select((b, i) => b + parts[i][c])];
            svg.Add(
                $"<path class=\"f{c}\" d=\"M{Line(above, reversed: false)}L{Line(below, reversed: true)}Z\"><title>{BenchFigures.Categories[c]}, at most {ProfileFigures.Mebibytes(parts.Max(p => p[c]))} MiB</title></path>"
            );
            below = above;
        }
        return svg.Add($"</svg></div>\n");

        string Line(double[] bytes, bool reversed)
        {
            var places = new List<string>();
            for (int i = 0; i < points.Count; i++)
            {
                long next = i + 1 < points.Count ? points[i + 1].Nanoseconds : end;
                double y = MemoryHeight * (1 - (bytes[i] / most));
                places.Add(Text($"{points[i].Nanoseconds} {y:0.##}"));
                places.Add(Text($"{next} {y:0.##}"));
            }
            if (reversed)
                places.Reverse();
            return string.Join('L', places);
        }
    }

    // Bytes of each category at each moment.
    private static long[][] Parts(IReadOnlyList<MemoryPoint> points) =>
        [.. points.Select(p => BenchFigures.Bytes(MemoryBytes.Of(p.Bytes)))];

    private static HtmlText MemoryKeys(IReadOnlyList<MemoryPoint> points)
    {
        var legend = new HtmlText();
        if (points.Count == 0)
            return legend;
        legend.Add($"<ul class=\"legend\"><li>memory in use:</li>");
        for (int c = 0; c < BenchFigures.Categories.Count; c++)
        {
            if (Parts(points).Any(p => p[c] > 0))
                legend.Add(
                    $"<li><span class=\"swatch p{c}\"></span>{BenchFigures.Categories[c]}</li>"
                );
        }
        return legend.Add($"</ul>\n");
    }

    private static double Percent(long part, long whole) =>
        Math.Round(100.0 * part / Math.Max(whole, 1), 5);
}
