using System.Globalization;

namespace Sequor.Workloads.Charts;

/// <summary>A page that is whole in itself: styles, scripts and data stand in it, and it asks the network for nothing.</summary>
internal static class Page
{
    /// <summary>Puts a page together.</summary>
    /// <param name="title">What it is about.</param>
    /// <param name="facts">Names and values that stand at its top.</param>
    /// <param name="body">What follows.</param>
    /// <param name="charts">The charts that the body has figures for.</param>
    /// <param name="data">What was measured, as JSON; nothing for none.</param>
    /// <param name="css">Styles of this kind of page alone; nothing for none.</param>
    /// <param name="script">Its own script; nothing for none.</param>
    public static string Render(
        string title,
        IEnumerable<(string Name, string Value)> facts,
        HtmlText body,
        IReadOnlyList<LineChart> charts,
        string? data = null,
        string? css = null,
        string? script = null
    )
    {
        HtmlText page = HtmlText.Of(
            $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <link rel="icon" href="data:,">
            <title>{title}</title>
            <style>

            """
        );
        if (charts.Count > 0)
            page.AddTrusted(Assets.UPlotCss).Add($"\n");
        page.AddTrusted(Assets.Css).AddTrusted(css ?? "");
        page.Add(
            $"""
            </style>
            </head>
            <body>
            <header>
            <h1>{title}</h1>
            <dl class="facts">

            """
        );
        foreach ((string name, string value) in facts)
            page.Add($"<div><dt>{name}</dt><dd>{value}</dd></div>\n");
        page.Add($"</dl>\n</header>\n<main>\n{body}</main>\n");
        if (data is not null)
        {
            page.Add($"<script type=\"application/json\" id=\"report\">")
                .AddTrusted(data)
                .Add($"</script>\n");
        }
        if (charts.Count > 0)
        {
            page.Add($"<script type=\"application/json\" id=\"charts\">")
                .AddTrusted(LineChart.ToJson(charts))
                .Add($"</script>\n<script>\n/*\n")
                .AddTrusted(Assets.UPlotLicense)
                .Add($"*/\n")
                .AddTrusted(Assets.UPlot)
                .Add($"</script>\n<script>\n")
                .AddTrusted(Assets.Charts)
                .Add($"</script>\n");
        }
        if (script is not null)
            page.Add($"<script>\n").AddTrusted(script).Add($"</script>\n");
        return page.Add($"</body>\n</html>").ToString();
    }

    /// <summary>Facts of a machine and a moment.</summary>
    public static IEnumerable<(string Name, string Value)> Facts(
        Machine machine,
        DateTimeOffset date
    ) =>
        [
            ("Date", date.ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture)),
            (
                "Machine",
                Figures.Text(
                    $"{machine.Cpu}, {Figures.Several(machine.Cores, "core")}, {machine.VectorBits}-bit vectors, {machine.Instructions}, {machine.MemoryBytes / (double)(1L << 30):0.0} GiB"
                )
            ),
            ("System", $"{machine.Os}, {machine.Architecture}, {machine.DescribeRuntime()}"),
            ("Sequor", machine.Describe()),
        ];

    /// <summary>That a run did not end as it should; nothing of one that did.</summary>
    public static HtmlText Notice(string status, string? reason) =>
        status == RunStatus.Finished
            ? new HtmlText()
            : HtmlText.Of(
                $"<section class=\"card\" role=\"alert\"><h2>Not finished: {status}</h2><p>{reason ?? "These results are partial."}</p></section>\n"
            );

    /// <summary>A figure that a chart is drawn in, with the same numbers as a table.</summary>
    public static HtmlText Figure(
        LineChart chart,
        string title,
        HtmlText caption,
        HtmlText table
    ) =>
        HtmlText.Of(
            $"""
            <figure class="card">
            <h2>{title}</h2>
            <div class="chart" id="{chart.Id}" role="img" aria-label="{title}"><noscript>The chart needs JavaScript; the table holds the same numbers.</noscript></div>
            <figcaption>{caption}</figcaption>
            <details><summary>The same as a table</summary>{table}</details>
            </figure>

            """
        );

    /// <summary>A table that can be moved sideways where it is wider than the page.</summary>
    /// <param name="label">What it holds, for those who cannot see it.</param>
    /// <param name="head">Names of the columns; those before <paramref name="texts"/> hold words.</param>
    /// <param name="groups">Rows, under a line of their own where it is not empty.</param>
    /// <param name="texts">Columns at the left that hold words, at least 1.</param>
    public static HtmlText Table(
        string label,
        IReadOnlyList<string> head,
        IEnumerable<(string Title, IEnumerable<string[]> Rows)> groups,
        int texts = 1
    )
    {
        var table = new HtmlText();
        table.Add(
            $"<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\"><table>\n<thead><tr>"
        );
        for (int i = 0; i < head.Count; i++)
            table.Add($"<th scope=\"col\"{Class(i)}>{head[i]}</th>");
        table.Add($"</tr></thead>\n");
        foreach ((string title, IEnumerable<string[]> rows) in groups)
        {
            table.Add($"<tbody>\n");
            if (title.Length > 0)
            {
                table.Add(
                    $"<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{head.Count}\"><span>{title}</span></th></tr>\n"
                );
            }
            foreach (string[] row in rows)
            {
                table.Add($"<tr><th scope=\"row\" class=\"text\">{row[0]}</th>");
                for (int i = 1; i < row.Length; i++)
                    table.Add($"<td{Class(i)}>{row[i]}</td>");
                table.Add($"</tr>\n");
            }
            table.Add($"</tbody>\n");
        }
        return table.Add($"</table></div>\n");

        HtmlText Class(int column) =>
            column < texts ? HtmlText.Of($" class=\"text\"") : new HtmlText();
    }

    /// <summary>A table whose rows are in one group.</summary>
    public static HtmlText Table(
        string label,
        IReadOnlyList<string> head,
        IEnumerable<string[]> rows,
        int texts = 1
    ) => Table(label, head, [("", rows)], texts);
}
