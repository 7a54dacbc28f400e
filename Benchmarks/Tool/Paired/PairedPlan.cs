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

    /// <summary>Waves of the budget, which have equal parts of it.</summary>
    public int Waves { get; } = Math.Max(1, (int)Math.Round(Budget / Wave));

    /// <summary>Pairs of processes of a wave at most.</summary>
    public int MostPairs { get; init; } = 16;

    /// <summary>And at least, if memory and budget have room for them.</summary>
    public int LeastPairs { get; init; } = 6;

    /// <summary>The part of a wave's time after which no further processes begin.</summary>
    public double StartPart { get; init; } = 0.4;

    /// <summary>The part of the first wave's time, after that, in which each program is set against itself.</summary>
    public double ControlPart { get; init; } = 0.15;

    /// <summary>Rounds of that at least, whatever the time.</summary>
    public int LeastControlRounds { get; init; } = 2;

    /// <summary>Rounds of a wave at least, whatever the time.</summary>
    public int LeastRounds { get; init; } = 3;

    /// <summary>The least time of a turn.</summary>
    public TimeSpan Turn { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>The least time of the first turn of a process, which does not count: its code is compiled again meanwhile.</summary>
    public TimeSpan Warmup { get; init; } = TimeSpan.FromMilliseconds(600);

    /// <summary>Bytes that the device has free for processes; null where that is not known.</summary>
    public long? FreeBytes { get; init; }

    /// <summary>Bytes of the device that a process takes besides its models.</summary>
    public long ProcessBytes { get; init; } = 100L << 20;

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
