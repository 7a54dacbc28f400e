namespace Sequor.FirstContact;

/// <summary>A step of a peer.</summary>
/// <param name="Milliseconds">Its median.</param>
/// <param name="Tf32">Whether TF32 was on.</param>
internal sealed record PeerStep(double Milliseconds, bool Tf32);

/// <summary>
/// Steps of this library and of a peer's modes in turn, as many rounds as the time allows, and of each the shortest median.
/// </summary>
/// <param name="ours">Steps of all architectures, with graphs or without.</param>
/// <param name="theirs">A step of the peer in a mode; null where it did not run.</param>
/// <param name="isTime">Whether there is time for another run.</param>
internal sealed class PeerRuns(
    Func<bool, BenchReading[]> ours,
    Func<string, BenchReading, PeerStep?> theirs,
    Func<bool> isTime
)
{
    private const int Rounds = 2;

    /// <summary>The peer's modes, and whether this library's step beside them is a graph.</summary>
    public static IReadOnlyList<(string Name, bool Graph)> Modes { get; } =
    [("eager", false), ("graphed", true), ("compiled", true)];

    private readonly Dictionary<(string Arch, string What), double> _best = [];
    private readonly SortedSet<string> _failed = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _late = new(StringComparer.Ordinal);
    private bool _tf32;

    /// <summary>Runs them.</summary>
    public CheckOutcome Run()
    {
        for (int round = 0; round < Rounds; round++)
            foreach ((string mode, bool graph) in Modes)
                RunMode(mode, graph);
        Figure[] figures = [.. Figures()];
        if (_tf32)
            return CheckOutcome.Differed("TF32 is on in the peer, and off here", figures);
        return _best.Keys.Any(k => k.What != What(false) && k.What != What(true))
            ? CheckOutcome.Held(figures)
            : CheckOutcome.Failed("no step of the peer ran; the log says why", figures);
    }

    private void RunMode(string mode, bool graph)
    {
        if (!isTime())
        {
            _late.Add(mode);
            return;
        }
        foreach (BenchReading reading in ours(graph))
        {
            Keep(reading.Arch, What(graph), reading.Milliseconds);
            if (!isTime())
                _late.Add($"{reading.Arch}, {mode}");
            else if (theirs(mode, reading) is { } step)
            {
                Keep(reading.Arch, mode, step.Milliseconds);
                _tf32 |= step.Tf32;
            }
            else
                _failed.Add($"{reading.Arch}, {mode}");
        }
    }

    private IEnumerable<Figure> Figures()
    {
        yield return new Figure("TF32 in the peer (1: on)", _tf32 ? 1 : 0, "");
        yield return new Figure("TF32 here (1: on)", 0, "");
        foreach (((string arch, string what), double best) in _best)
        {
            yield return new Figure($"{arch}, {what}", best, "ms");
            if (
                Modes.FirstOrDefault(m => m.Name == what) is { Name: not null } mode
                && _best.TryGetValue((arch, What(mode.Graph)), out double own)
            )
                yield return new Figure($"{arch}, ours over {what}", own / best, "");
        }
        foreach (string run in _failed)
            yield return new Figure($"{run}: did not run; the log says why", 1, "");
        foreach (string run in _late)
            yield return new Figure($"{run}: no time left", 1, "");
    }

    private static string What(bool graph) => graph ? "ours, graph on" : "ours, graph off";

    private void Keep(string arch, string what, double value) =>
        _best[(arch, what)] = Math.Min(
            _best.GetValueOrDefault((arch, what), double.PositiveInfinity),
            value
        );
}
