using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Charts;

/// <summary>Made-up results, and what every page must be.</summary>
internal static partial class Made
{
    /// <summary>A name that would end a script or begin a comment, if it were let.</summary>
    public const string Hostile = "A</script><script>alert(1)</script><!-- & \"'>";

    public static Machine Machine(string cpu = "Processor 1") =>
        new(
            cpu,
            2,
            256,
            "AVX2, FMA",
            8L << 30,
            "System",
            "X64",
            "10.0.0",
            "0.1.0",
            "0123456789abcdef"
        );

    public static BenchResult Result(
        string arch,
        int length,
        double ms,
        long peak,
        string device = "cpu"
    ) =>
        new()
        {
            Arch = arch,
            Device = device,
            Length = length,
            SequenceLength = length,
            Batch = 4,
            Hidden = 33,
            Layers = 2,
            Parameters = 54_321,
            StepMs = new Spread(ms, ms * 0.875, ms * 1.125),
            SamplesMs = [ms, ms],
            ForwardMs = ms * 0.25,
            BackwardMs = ms * 0.625,
            OptimizerMs = ms * 0.0625,
            TokensPerS = length * 4000 / ms,
            PeakBytes = peak,
            FloorBytes = peak / 2,
            MemoryBytes = new MemoryBytes
            {
                Parameters = peak / 16,
                Gradients = peak / 8,
                Optimizer = peak / 4,
                Activations = peak / 2,
                Workspace = peak / 32,
                Io = peak / 32,
            },
            AllocationsPerStep = 0,
            NativeAllocationsPerStep = 0,
            ManagedBytesPerStep = 0,
            GraphNodes = 0,
        };

    public static BenchReport Report(params BenchResult[] results) =>
        new()
        {
            Machine = Machine(),
            Date = "2026-11-21T12:00:00Z",
            Threads = 2,
            Task = "adding",
            Seed = 7,
            Warmup = 3,
            Steps = 2,
            Seconds = 1.5,
            Results = results,
            Exponents =
                results.Select(r => r.Length).Distinct().Count() > 1
                    ? GrowthExponents.Fit(results)
                    : null,
        };

    public static ReproductionResult Reproduced(
        string arch,
        double? paper,
        double? test,
        params EpochRecord[][] runs
    ) =>
        new()
        {
            Task = "jsb",
            Arch = arch,
            Preset = "300k",
            Parameters = 54_321,
            Budget = 55_000,
            Data = "0123456789abcdef",
            Metric = "nll",
            Loss = "nll",
            Paper = paper,
            Valid = test is null ? null : test + 0.5,
            Test = test,
            Seeds = runs.Length,
            Epochs = runs.Sum(r => r.Length),
            EpochsAsked = 50,
            Seconds = 12.25,
            PeakBytes = 3 << 20,
            Finished = test is not null,
            Runs =
            [
                .. runs.Select(
                    (epochs, i) =>
                        new ReproductionRun(
                            (ulong)i + 1,
                            epochs.Length == 0 ? null : epochs.Min(e => e.Valid),
                            test,
                            epochs.MinBy(e => e.Valid)?.Epoch ?? 0,
                            epochs,
                            StopReason.Epochs
                        )
                        {
                            Device = "cpu",
                            Threads = 2,
                        }
                ),
            ],
        };

    /// <summary>Fails unless a page can be read with no network, and none of its texts is taken for HTML.</summary>
    public static void RequireWhole(string page)
    {
        Assert.That(page, Does.StartWith("<!doctype html>").And.EndWith("</html>"));
        Assert.That(page, Does.Contain("default-src 'none'"));
        Assert.That(page, Does.Not.Contain("http://").And.Not.Contain("https://"));
        Assert.That(page, Does.Not.Contain("@import").And.Not.Contain("url("));
        foreach (Match source in Sources().Matches(page))
            Assert.That(source.Groups[1].Value, Is.EqualTo("data:,"));
        Assert.That(page, Does.Not.Contain("alert(1)</script>").And.Not.Contain("<!--"));
        int scripts = Regex.Count(page, "<script[ >]");
        Assert.That(Regex.Count(page, "</script>"), Is.EqualTo(scripts));
        Assert.That(Regex.Count(page, "<td"), Is.EqualTo(Regex.Count(page, "</td>")));
        Assert.That(Regex.Count(page, "<div"), Is.EqualTo(Regex.Count(page, "</div>")));
    }

    /// <summary>The JSON of a data island.</summary>
    public static string Island(string page, string id)
    {
        Match island = Regex.Match(
            page,
            $"<script type=\"application/json\" id=\"{id}\">(.*?)</script>",
            RegexOptions.Singleline
        );
        Assert.That(island.Success, $"the island {id}");
        return island.Groups[1].Value;
    }

    /// <summary>The texts of a page's table cells and headings, as people see them.</summary>
    public static string[] Cells(string page) =>
        [.. Cell().Matches(page).Select(m => System.Net.WebUtility.HtmlDecode(m.Groups[1].Value))];

    [GeneratedRegex("(?:src|href)=\"([^\"]*)\"")]
    private static partial Regex Sources();

    [GeneratedRegex("<t[dh][^>]*>(?:<span>)?([^<]*)")]
    private static partial Regex Cell();
}
