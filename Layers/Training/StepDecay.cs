using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// A learning rate that is multiplied by a factor after every so many steps. Bai et al. (2018) divide theirs by 10 every 10 epochs for
/// the images of MNIST.
/// </summary>
public sealed record StepDecay : IRateSchedule
{
    /// <summary>Makes a schedule.</summary>
    /// <param name="every">The number of steps of one rate, at least 1.</param>
    /// <param name="factor">The factor from each rate to the next, above 0 and below 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public StepDecay(long every, float factor = 0.1f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(every, 1);
        if (!(factor > 0 && factor < 1))
            throw new ArgumentOutOfRangeException(
                nameof(factor),
                factor,
                "The factor must be above 0 and below 1."
            );
        (Every, Factor) = (every, factor);
    }

    /// <summary>The number of steps of one rate.</summary>
    public long Every { get; }

    /// <summary>The factor from each rate to the next.</summary>
    public float Factor { get; }

    /// <summary>The rate of a step: rate * factor^floor(step / every).</summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="rate">The first rate, which is the highest.</param>
    /// <exception cref="ArgumentOutOfRangeException">The step's number is negative.</exception>
    public float RateAt(long step, float rate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return (float)(rate * Math.Pow(Factor, step / Every));
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"times {Factor} every {Every} steps");
}
