namespace Sequor.Tool;

/// <summary>
/// Reads sequor.bench/1. A result's rounds are those that <c>bench --rounds</c> ran, each a process; without them the whole
/// measurement is one round, whatever its number of samples.
/// </summary>
internal sealed class BenchReader : FigureReader
{
    public override string Format => "sequor.bench/1";

    public override FigureFile Read(FigureJson file)
    {
        IReadOnlyList<FigureJson> results = file["results"].Items();
        List<Condition> conditions =
        [
            .. MachineOf(file),
            .. BackendOf(file),
            new Condition("task", file["task"].Text(), Agreement.Always),
        ];
        if (file.Maybe("seed")?.Value() is { } seed)
            conditions.Add(new Condition("seed", seed, Agreement.Told));
        conditions.AddRange(results.Select(result => DeviceOf(result["device"].Text())).Distinct());
        return new FigureFile(conditions, [.. results.SelectMany(Of)])
        {
            Partial = PartialOf(file),
        };
    }

    private static IEnumerable<Figure> Of(FigureJson result)
    {
        Subject subject = SubjectOf(result, "hidden", "layers", "parameters");
        // A baseline of counts has no times.
        if (result.Maybe("step_ms") is { } step)
        {
            double median = step["median"].Time();
            double[] rounds = result.Maybe("rounds_ms") is { } given
                ? [.. given.Items().Select(round => round.Time())]
                : [median];
            if (rounds.Length == 0)
                throw new FigureException($"rounds_ms of {subject} is empty");
            yield return new Figure(subject, "step_ms", FigureKind.Timed, "ms", rounds);
        }
        foreach (
            Figure figure in CountedOf(
                result,
                subject,
                null,
                "peak_bytes",
                "native_allocations_per_step",
                "managed_bytes_per_step",
                "flops",
                "launches"
            )
        )
            yield return figure;
        foreach (Figure figure in MovedOf(result, subject))
            yield return figure;
        // 0 says that steps ran as they are: a graph that is gone was not measured, and is not a smaller one.
        if (result.Maybe("graph_nodes")?.Count() is > 0)
        {
            foreach (Figure figure in CountedOf(result, subject, null, "graph_nodes"))
                yield return figure;
        }
    }
}
