using System.Globalization;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>
/// Suites of BenchmarkDotNet's as a page: of each benchmark that reported its work how near that comes to what the machine does at most,
/// and all figures.
/// </summary>
public static class SuitesPage
{
    private static readonly string[] Share = ["share of the least time"];

    /// <summary>The page: HTML that needs no other file and no network.</summary>
    /// <param name="reports">What was measured, at least one; machine and date at the top are those of the last.</param>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static string Render(IReadOnlyList<SuitesReport> reports)
    {
        ArgumentNullException.ThrowIfNull(reports);
        if (reports.Count == 0)
            throw new ArgumentException("There is no report.", nameof(reports));
        var body = new HtmlText();
        foreach (SuitesReport report in reports)
        {
            body.Add($"{Page.Notice(report.Status, report.Reason)}");
            foreach (
                IGrouping<string, SuiteResult> method in report.Results.GroupBy(r => Method(r.Name))
            )
                body.Add($"{Section(method.Key, [.. method])}");
        }
        SuitesReport last = reports[^1];
        return Page.Render(
            reports.Count == 1 ? last.Title : Several(reports.Count, "suite"),
            [
                .. DateTimeOffset.TryParse(
                    last.Date,
                    CultureInfo.InvariantCulture,
                    out DateTimeOffset date
                )
                    ? Page.Facts(last.Machine, date)
                    : [("Date", last.Date), ("Sequor", last.Machine.Describe())],
                ("Benchmarks", Text($"{reports.Sum(r => r.Results.Count)}")),
                .. reports.SelectMany(r => r.Results).FirstOrDefault(r => r.OnDevice is not null)
                    is { OnDevice: { } device }
                    ? [("Device", Device(device))]
                    : Array.Empty<(string, string)>(),
            ],
            body,
            []
        );
    }

    private static HtmlText Section(string method, SuiteResult[] results)
    {
        bool launches = results.Any(r => r.OnDevice?.Launches is not null);
        SuiteResult[] measured = [.. results.Where(r => r.OnDevice is not null)];
        HtmlText table = Page.Table(
            method,
            [
                "parameters",
                "median, ms",
                "5–95%, ms",
                "managed bytes",
                .. measured.Length > 0
                    ? (string[])
                        [
                            "device, ms",
                            .. WorkFigures.Columns(launches).SkipLast(1),
                            "of device",
                            "peak, MiB",
                        ]
                    : [],
            ],
            results.Select(r =>
                (string[])
                    [
                        Parameters(r.Name),
                        Fine(r.Ms.Median),
                        $"{Fine(r.Ms.P05)}–{Fine(r.Ms.P95)}",
                        r.ManagedBytes is { } bytes ? Count(bytes) : "",
                        .. r.OnDevice is { } device
                            ? (string[])
                                [
                                    Fine(device.Ms),
                                    .. WorkFigures.Cells(device, launches),
                                    Mebibytes(device.PeakBytes),
                                ]
                            : [],
                    ]
            )
        );
        string note =
            measured.Length == 0
                ? "No benchmark here reported what its work takes on the device."
                : WorkFigures.Legend(measured.Any(r => r.OnDevice!.BytesUnknown > 0));
        string most = measured.Select(r => r.OnDevice!.Peaks).OfType<PeaksReport>().LastOrDefault()
            is { } peaks
            ? WorkFigures.Peaks(peaks) + " "
            : "";
        return HtmlText.Of(
            $"""
            <section class="card">
            <h2>{method}</h2>
            {Bars(measured)}{table}<p class="note">{most}{note}</p>
            </section>

            """
        );
    }

    // Shapes differ by orders of magnitude in time, and hardly in this.
    private static HtmlText Bars(IEnumerable<SuiteResult> measured)
    {
        Bar[] bars =
        [
            .. from r in measured
            let device = r.OnDevice!
            where device.FloorMs is not null
            let share = 100 * device.FloorMs!.Value / device.Ms
            where share > 0 && double.IsFinite(share)
            select new Bar(Parameters(r.Name), [share], Text($"{share:0}%")),
        ];
        if (bars.Length == 0)
            return new HtmlText();
        var chart = new StackedBars
        {
            Unit = "%",
            Parts = Share,
            Bars = bars,
            Format = share => Text($"{share:0.#}"),
        };
        return HtmlText.Of(
            $"""
            <figure class="wide">
            {chart.Render()}<figcaption>The least time of the work at the rates that the machine reached, in percent of its time on the device; above 100% where arrays stay in caches.</figcaption>
            </figure>

            """
        );
    }

    // As in Suites.ScanSuite.Forward(Shape: small).
    private static string Method(string name)
    {
        int at = name.IndexOf('(', StringComparison.Ordinal);
        return at < 0 ? name : name[..at];
    }

    private static string Parameters(string name)
    {
        string rest = name[Method(name).Length..];
        return rest is ['(', .. var inner, ')'] ? inner
            : rest.Length > 0 ? rest
            : "none";
    }

    private static string Device(DeviceResult device) =>
        device.Gpu is { } gpu
            ? $"{device.Device}, {gpu.Name}"
            : $"{device.Device}, {Several(device.Threads, "thread")}";

    // Microseconds are common here.
    private static string Fine(double ms) => ms >= 1 ? Milliseconds(ms) : Text($"{ms:0.0000}");
}
