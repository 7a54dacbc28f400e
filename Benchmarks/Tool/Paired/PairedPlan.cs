using Perfolizer.Mathematics.Distributions.ContinuousDistributions;

namespace Sequor.Tool;

/// <summary>
/// How two programs take turns, and when it is looked at what they gave. The budget is that of one wave or of several: a wave is
/// as many pairs of processes as a part of its time has room for, all of them alive until it ends.
/// </summary>
/// <param name="Budget">When the last wave ends.</param>
internal sealed record PairedPlan(TimeSpan Budget)
{
    private static readonly TimeSpan Wave = TimeSpan.FromMinutes(2);

    /// <summary>Pairs of processes that any verdict needs; more rows need more, see <see cref="PairsOfVerdict"/>.</summary>
    public const int LeastPairs = 10;

    /// <summary>The part of the budget after which only its end is a look: another would leave too little of the error to it.</summary>
    public const double LatestLook = 0.8;

    // Those that begin together: on a machine that others load, more processes at a time have more of it.
    private const int PairsTogether = 4;

    /// <summary>What the order of turns is drawn by: of the clock, so that no two runs have the same.</summary>
    public int OrderSeed { get; init; } =
        (int)(DateTime.UtcNow.Ticks / TimeSpan.TicksPerMillisecond % int.MaxValue);

    /// <summary>Pairs of processes of a wave at most.</summary>
    public int MostPairs { get; init; } = 16;

    /// <summary>The part of a wave's time after which no further processes begin.</summary>
    public double StartPart { get; init; } = 0.4;

    /// <summary>The part of the time of the first wave (or more, where one has too few pairs), after that, in which each program is set against itself.</summary>
    public double ControlPart { get; init; } = 0.15;

    /// <summary>Rounds of that at least, whatever the time.</summary>
    public int LeastControlRounds { get; init; } = 2;

    /// <summary>Rounds of a wave at least, whatever the time.</summary>
    public int LeastRounds { get; init; } = 3;

    /// <summary>The least time of a turn.</summary>
    public TimeSpan Turn { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>
    /// The least time of the first turn of a process, which does not count: its code is compiled again meanwhile. Of an older
    /// program it is all that it has; others tell when their code has settled.
    /// </summary>
    public TimeSpan Warmup { get; init; } = TimeSpan.FromMilliseconds(600);

    /// <summary>The most time of a further one: what takes steps until its code has settled answers after it in any case.</summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Bytes that the device has free for processes; null where that is not known.</summary>
    public long? FreeBytes { get; init; }

    /// <summary>Bytes of the device that a process takes besides its models.</summary>
    public long ProcessBytes { get; init; } = 100L << 20;

    /// <summary>
    /// Pairs of processes that a verdict needs: with fewer, no signed ranks would be sure enough at the last look, of which each
    /// row has its part, each clock half of that and each side half again.
    /// </summary>
    /// <param name="error">The error of all rows and looks together.</param>
    /// <param name="rows">How many rows there are.</param>
    public static int PairsOfVerdict(double error, int rows) =>
        Math.Max(
            LeastPairs,
            SignedRanks.Least((error - Spent(error, LatestLook)) / Math.Max(1, rows) / 4)
        );

    /// <summary>Waves of the budget, which have equal parts of it: as many as its time has, or more if memory has no room for the pairs.</summary>
    /// <param name="pairs">Those of a wave at most.</param>
    /// <param name="needed">Those that a verdict needs.</param>
    public int WavesOf(int pairs, int needed) =>
        Math.Max(
            Math.Max(1, (int)Math.Round(Budget / Wave)),
            // Those of one program against itself, which each verdict needs, are of two pairs.
            pairs < 2
                ? 1
                : (needed + pairs - 1) / pairs
        );

    /// <summary>How many pairs of processes begin together.</summary>
    /// <param name="alive">Those that have begun.</param>
    /// <param name="least">Those that there should be.</param>
    public static int Together(int alive, int least) =>
        // What the first one tells decides whether there are others.
        alive == 0
            ? 1
            : Math.Clamp(least - alive, 1, PairsTogether);

    /// <summary>The pairs of processes that there is room for at a time.</summary>
    /// <param name="bytes">What the models of both processes of a pair take.</param>
    public int PairsFor(double bytes) =>
        FreeBytes is { } free
            ? (int)Math.Clamp(0.7 * free / (bytes + (2 * ProcessBytes)), 1, MostPairs)
            : MostPairs;

    /// <summary>
    /// How much of the error looks may use until a part of the budget is spent (Lan and DeMets 1983, Discrete sequential boundaries
    /// for clinical trials; their function that is like O'Brien and Fleming's): next to nothing early, and all of it at the end.
    /// It depends on the clock alone, so it holds however many looks there are.
    /// </summary>
    /// <param name="error">The error of all looks together.</param>
    /// <param name="part">The part of the budget that is spent.</param>
    public static double Spent(double error, double part) =>
        part >= 1 ? error
        : part <= 0 ? 0
        : 2
            * (
                1
                - NormalDistribution.Standard.Cdf(
                    NormalDistribution.Standard.Quantile(1 - (error / 2)) / Math.Sqrt(part)
                )
            );
}
