namespace Sequor.FirstContact;

/// <summary>A step of a peer.</summary>
/// <param name="Milliseconds">Its median.</param>
/// <param name="Tf32">Whether TF32 was on.</param>
internal sealed record PeerStep(double Milliseconds, bool Tf32);

/// <summary>
/// Steps of this library and of peers' modes in turn, as many rounds as the time allows, and of each the shortest median.
/// </summary>
/// <param name="modes">The peers' modes.</param>
/// <param name="missing">Why other peers are not measured.</param>
/// <param name="ours">Steps of a mode's architectures, with graphs or without.</param>
/// <param name="theirs">A step of a peer in a mode; null where it did not run.</param>
/// <param name="isTime">Whether there is time for another run.</param>
internal sealed class PeerRuns(
    IReadOnlyList<PeerMode> modes,
    IReadOnlyList<string> missing,
    Func<PeerMode, BenchReading[]> ours,
    Func<PeerMode, BenchReading, PeerStep?> theirs,
    Func<bool> isTime
)
{
    private const int Rounds = 2;

    private readonly Dictionary<(string Arch, string What), double> _best = [];
    private readonly SortedSet<string> _failed = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _late = new(StringComparer.Ordinal);
    private bool _tf32;

    /// <summary>Runs them.</summary>
    public CheckOutcome Run()
    {
        for (int round = 0; round < Rounds; round++)
            foreach (PeerMode mode in modes)
                RunMode(mode);
        Figure[] figures = [.. Figures()];
        if (_tf32)
            return CheckOutcome.Differed("TF32 is on in a peer, and off here", figures);
        return _best.Keys.Any(k => k.What != What(false) && k.What != What(true))
            ? CheckOutcome.Held(figures)
            : CheckOutcome.Failed("no step of a peer ran; the log says why", figures);
    }

    private void RunMode(PeerMode mode)
    {
        if (!isTime())
        {
            _late.Add(mode.Name);
            return;
        }
        foreach (BenchReading reading in ours(mode))
        {
            Keep(reading.Arch, What(mode.Graph), reading.Milliseconds);
            if (!isTime())
                _late.Add($"{reading.Arch}, {mode.Name}");
            else if (theirs(mode, reading) is { } step)
            {
                Keep(reading.Arch, mode.Name, step.Milliseconds);
                _tf32 |= step.Tf32;
            }
            else
                _failed.Add($"{reading.Arch}, {mode.Name}");
        }
    }

    private IEnumerable<Figure> Figures()
    {
        yield return new Figure("TF32 in a peer (1: on)", _tf32 ? 1 : 0, "");
        yield return new Figure("TF32 here (1: on)", 0, "");
        foreach (((string arch, string what), double best) in _best)
        {
            yield return new Figure($"{arch}, {what}", best, "ms");
            if (
                modes.FirstOrDefault(m => m.Name == what) is { } mode
                && _best.TryGetValue((arch, What(mode.Graph)), out double own)
            )
                yield return new Figure($"{arch}, ours over {what}", own / best, "");
        }
        foreach (string reason in missing)
            yield return new Figure($"not measured: {reason}", 1, "");
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
