namespace Sequor.Tool;

/// <summary>How two programs take turns, and when it is looked at what they gave.</summary>
/// <param name="Budget">No further pair of processes begins after this time.</param>
/// <param name="Rounds">Rounds of a pair of processes.</param>
/// <param name="Turn">The least time of a turn.</param>
/// <param name="FirstLook">Pairs of processes before the first look.</param>
internal sealed record PairedPlan(TimeSpan Budget, int Rounds, TimeSpan Turn, int FirstLook)
{
    /// <summary>Turns of each process that are left out: its code is compiled again while they run.</summary>
    public int WarmupTurns { get; init; } = 2;

    /// <summary>The least time of such a turn.</summary>
    public TimeSpan Warmup { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The plan of a budget: what is not known beforehand is how many processes it has room for.</summary>
    public static PairedPlan Of(TimeSpan budget) =>
        new(budget, Rounds: 8, TimeSpan.FromMilliseconds(250), FirstLook: 4);

    /// <summary>
    /// The part of the error that a look may use where it is the n-th: each has half of what the one before left, so that all of
    /// them together, however many the budget has room for, use no more than there is.
    /// </summary>
    public static double Share(int look) => Math.Pow(0.5, look);

    /// <summary>Whether it is looked after so many pairs of processes: each time that there are half as many again.</summary>
    public bool IsLook(int workers)
    {
        int at = FirstLook;
        while (at < workers)
            at += Math.Max(at / 2, 1);
        return at == workers;
    }
}
