using System.Globalization;

namespace Sequor.Workloads.Charts;

/// <summary>Bars of parts beside each other, in HTML alone.</summary>
internal sealed record StackedBars
{
    private const int MostTicks = 5;

    /// <summary>What the axis counts: MiB.</summary>
    public required string Unit { get; init; }

    /// <summary>Names of the parts, from the left; at most as many as <see cref="Styles.Count"/>.</summary>
    public required IReadOnlyList<string> Parts { get; init; }

    public required IReadOnlyList<Bar> Bars { get; init; }

    /// <summary>What the mark on a bar means; null where bars have none.</summary>
    public string? Mark { get; init; }

    /// <summary>How a value is written.</summary>
    public required Func<double, string> Format { get; init; }

    /// <summary>The colours' meaning; once for any number of charts of the same parts.</summary>
    public HtmlText Legend()
    {
        var legend = new HtmlText();
        legend.Add($"<ul class=\"legend\">");
        for (int i = 0; i < Parts.Count; i++)
            legend.Add($"<li><span class=\"swatch p{i}\"></span>{Parts[i]}</li>");
        if (Mark is not null)
            legend.Add($"<li><span class=\"swatch mark\"></span>{Mark}</li>");
        return legend.Add($"</ul>\n");
    }

    /// <summary>The bars over their axis.</summary>
    public HtmlText Render()
    {
        double most = Bars.Max(b => Math.Max(b.Values.Sum(), b.Mark ?? 0));
        double step = Step(most);
        double end = step * Math.Ceiling(most / step);
        var html = new HtmlText();
        html.Add($"<div class=\"bars\">\n");
        foreach (Bar bar in Bars)
        {
            html.Add(
                $"<div class=\"bar\"><span class=\"name\">{bar.Name}</span><div class=\"track\">"
            );
            double sum = bar.Values.Sum();
            for (int i = 0; i < bar.Values.Count; i++)
            {
                html.Add(
                    $"<span class=\"part p{i}\" style=\"width:{Percent(bar.Values[i])}\" title=\"{bar.Name}, {Parts[i]}: {Format(bar.Values[i])} {Unit}, {bar.Values[i] / sum:0.0%}\"></span>"
                );
            }
            if (bar.Mark is { } mark)
            {
                html.Add(
                    $"<span class=\"floor\" style=\"left:{Percent(mark)}\" title=\"{bar.Name}, {Mark}: {Format(mark)} {Unit}\"></span>"
                );
            }
            html.Add($"</div><span class=\"sum\">{bar.Total}</span></div>\n");
        }
        html.Add(
            $"<div class=\"bar axis\" aria-hidden=\"true\"><span></span><div class=\"ticks\">"
        );
        for (int i = 0; i * step <= end * 1.0001; i++)
        {
            html.Add(
                $"<span style=\"left:{Percent(i * step)}\">{(i * step).ToString("#,0.######", CultureInfo.InvariantCulture)}</span>"
            );
        }
        return html.Add($"</div><span class=\"unit\">{Unit}</span></div>\n</div>\n");

        string Percent(double value) => Figures.Text($"{100 * value / end:0.###}%");
    }

    // 1, 2 or 5 times a power of ten.
    private static double Step(double most)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(most / MostTicks)));
        double least = most / MostTicks / power;
        return power
            * (
                least <= 1 ? 1
                : least <= 2 ? 2
                : least <= 5 ? 5
                : 10
            );
    }
}

/// <summary>A bar.</summary>
/// <param name="Name">What it stands for.</param>
/// <param name="Values">The parts.</param>
/// <param name="Total">The text at its right.</param>
/// <param name="Mark">A place that is marked.</param>
internal sealed record Bar(
    string Name,
    IReadOnlyList<double> Values,
    string Total,
    double? Mark = null
);
