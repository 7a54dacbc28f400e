using System.Globalization;

namespace Sequor.Layers;

/// <summary>The values that the parameters of state spaces begin with.</summary>
internal static class StateSpaceStart
{
    /// <summary>log dt, drawn uniformly.</summary>
    public static Parameter.Initializer Steps(float min, float max) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            foreach (ref float value in values)
                value = random.NextFloat((float)Math.Log(min), (float)Math.Log(max));
        };

    /// <summary>The same values for each channel, by the state's number.</summary>
    public static Parameter.Initializer Repeat(Func<int, double> of, int states) =>
        (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)of(i % states);
        };

    /// <exception cref="ArgumentException">The steps are not 0 &lt; min &lt;= max, or not finite.</exception>
    public static void RequireSteps(float min, float max, string name)
    {
        if (!(min > 0 && min <= max && float.IsFinite(max)))
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The time steps must satisfy 0 < min <= max, and be finite; they are {min} and {max}."
                ),
                name
            );
    }

    /// <summary>Of each state -Re A, Im A, and the size of B, which is part of C.</summary>
    public static (double Decay, double Frequency, double Scale)[] Modes(
        S4DInitialization initialization,
        int states
    )
    {
        double all = 2.0 * states;
        return initialization switch
        {
            S4DInitialization.Lin => [.. Each(states).Select(n => (0.5, Math.PI * n, 1.0))],
            S4DInitialization.Inv =>
            [
                .. Each(states).Select(n => (0.5, all / Math.PI * (all / (2 * n + 1) - 1), 1.0)),
            ],
            S4DInitialization.LegS =>
            [
                .. HippoSpectrum
                    .Frequencies(states)
                    .Select(w => (0.5, w, HippoSpectrum.Input(w, states))),
            ],
            _ => [.. Each(states).Select(n => (n + 1.0, 0.0, 1.0))],
        };
    }

    private static IEnumerable<int> Each(int states) => Enumerable.Range(0, states);
}
