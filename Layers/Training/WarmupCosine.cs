using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// A learning rate that rises linearly for some steps and then falls along half a cosine to a lowest rate, where it stays. It is the
/// schedule of Orvieto et al. (2023), who warm up for a tenth of all steps.
/// </summary>
public sealed record WarmupCosine : IRateSchedule
{
    /// <summary>Makes a schedule.</summary>
    /// <param name="steps">The number of steps until the rate is the lowest, warm-up included; at least 1.</param>
    /// <param name="warmup">The number of steps of the warm-up, 0 to <paramref name="steps"/>.</param>
    /// <param name="least">The lowest rate, finite and at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public WarmupCosine(long steps, long warmup = 0, float least = 0f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        if (warmup < 0 || warmup > steps)
            throw new ArgumentOutOfRangeException(
                nameof(warmup),
                warmup,
                $"The steps of the warm-up must be 0 to {steps}, all steps."
            );
        if (!(least >= 0 && float.IsFinite(least)))
            throw new ArgumentOutOfRangeException(
                nameof(least),
                least,
                "The least rate must be finite and at least 0."
            );
        (Steps, Warmup, Least) = (steps, warmup, least);
    }

    /// <summary>The number of steps until the rate is the lowest, warm-up included.</summary>
    public long Steps { get; }

    /// <summary>The number of steps of the warm-up.</summary>
    public long Warmup { get; }

    /// <summary>The lowest rate.</summary>
    public float Least { get; }

    /// <summary>
    /// The rate of a step: during warm-up rate (step + 1) / warmup; then least + (rate - least) (1 + cos(pi (step - warmup) / (steps -
    /// warmup))) / 2; and least from step = steps on.
    /// </summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="rate">
    /// The highest rate, reached at the end of the warm-up. If it is below <see cref="Least"/>, the rate stays at it.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The step's number is negative.</exception>
    public float RateAt(long step, float rate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (step < Warmup)
            return (float)((double)rate * (step + 1) / Warmup);
        double least = Math.Min(Least, rate);
        if (step >= Steps)
            return (float)least;
        double phase = Math.PI * (step - Warmup) / (Steps - Warmup);
        return (float)(least + (rate - least) * 0.5 * (1 + Math.Cos(phase)));
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"warm-up {Warmup} of {Steps} steps, then cosine to {Least}"
        );
}
