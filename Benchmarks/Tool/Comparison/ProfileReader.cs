namespace Sequor.Tool;

/// <summary>
/// Reads sequor.profile/1. The step is that of steps without a profile; a file is one round. Rows of one layer, operation and
/// pass are added up.
/// </summary>
internal sealed class ProfileReader : FigureReader
{
    private static readonly string[] Counted = ["bytes_moved", "bytes_held", "flops", "launches"];

    public override string Format => "sequor.profile/1";

    public override FigureFile Read(FigureJson file)
    {
        IReadOnlyList<FigureJson> results = file["results"].Items();
        List<Condition> conditions = [.. MachineOf(file), .. BackendOf(file)];
        if (file.Maybe("task")?.Text() is { } task)
            conditions.Add(new Condition("task", task, Agreement.Always));
        conditions.AddRange(results.Select(result => DeviceOf(result["device"].Text())).Distinct());
        return new FigureFile(conditions, [.. results.SelectMany(Of)])
        {
            Partial = PartialOf(file),
        };
    }

    private static IEnumerable<Figure> Of(FigureJson result)
    {
        Subject subject = SubjectOf(result, "hidden", "parameters");
        yield return new Figure(
            subject,
            "step_ms",
            FigureKind.Timed,
            "ms",
            [result["step_ms"]["median"].Time()]
        );
        foreach (Figure figure in CountedOf(result, subject, null, "peak_bytes"))
            yield return figure;
        foreach (
            var group in result["layers"]
                .Items()
                .SelectMany(row => OfLayer(row, subject))
                .GroupBy(figure => (figure.Part, figure.Metric))
        )
        {
            Figure first = group.First();
            yield return first with
            {
                Values = [group.Sum(figure => figure.Values[0])],
            };
        }
    }

    private static IEnumerable<Figure> OfLayer(FigureJson row, Subject subject)
    {
        string part = $"{row["name"].Text()} {row["operation"].Text()} {row["pass"].Text()}";
        // A layer may be too small for a clock.
        yield return new Figure(subject, "ms", FigureKind.Timed, "ms", [row["ms"].Count()])
        {
            Part = part,
        };
        foreach (Figure figure in CountedOf(row, subject, part, Counted))
            yield return figure;
    }
}
