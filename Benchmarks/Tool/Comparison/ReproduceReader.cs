using System.Globalization;

namespace Sequor.Tool;

/// <summary>Reads sequor.reproduce/1: the losses of a preset, one a seed, its memory, and the time of an epoch.</summary>
internal sealed class ReproduceReader : FigureReader
{
    public override string Format => "sequor.reproduce/1";

    public override FigureFile Read(FigureJson file) =>
        new(
            [
                .. MachineOf(file),
                .. BackendOf(file),
                DeviceOf(file["device"].Text()),
                new Condition(
                    "budget of minutes",
                    file.Maybe("budget_minutes")?.Value() ?? "none",
                    Agreement.Always
                ),
                // Which runs it cut, and where, depends on all of them: of those that it did not cut it changes nothing.
                new Condition(
                    "total budget of seconds",
                    file["results"].Items().Any(IsCut)
                        ? file.Maybe("total_budget_seconds")?.Value() ?? "none"
                        : "none",
                    Agreement.Always
                ),
            ],
            [.. file["results"].Items().SelectMany(Of)]
        )
        {
            Partial = PartialOf(file),
        };

    private static bool IsCut(FigureJson result) =>
        result["runs"].Items().Any(run => run.Maybe("stopped")?.Text() == "budget");

    private static IEnumerable<Figure> Of(FigureJson result)
    {
        var subject = new Subject(
            $"{result["task"].Text()} {result["arch"].Text()} {result["preset"].Text()}",
            "",
            string.Create(
                CultureInfo.InvariantCulture,
                $"parameters {result["parameters"].Count()}, data {result["data"].Text()}"
            )
        );
        IReadOnlyList<FigureJson> runs = result["runs"].Items();
        foreach (string key in (string[])["valid", "test"])
        {
            // Older files have no other figures than losses.
            double[] losses =
            [
                .. runs.Select(run => (run.Maybe($"{key}_loss") ?? run.Maybe(key))?.Finite())
                    .OfType<double>(),
            ];
            if (losses.Length > 0)
                yield return new Figure(subject, key, FigureKind.Loss, "", losses);
        }
        if (
            result["epochs"].Count() is > 0 and var epochs
            && result["seconds"].Count() is > 0 and var s
        )
            yield return new Figure(subject, "epoch_s", FigureKind.Timed, "s", [s / epochs]);
        foreach (Figure figure in CountedOf(result, subject, null, "peak_bytes"))
            yield return figure;
    }
}
