namespace Sequor.Layers;

/// <summary>
/// How a parameter p follows its gradient g, scaled by the clipping. All optimizers are made of these parts, in this order; a
/// part whose number is 0 or false is left out, and its memory is not taken:
/// <code>
/// m = Beta1 m + Weight g               the mean of gradients, or their decaying sum
/// d = m, or g where there is no mean   the direction
/// d = Beta1 m + Weight g               instead, where it looks Ahead: the mean of the next step, were g to come again
/// v = Beta2 v + (1 - Beta2) g^2        the mean square
/// d = d / (sqrt(v) + Epsilon)
/// p = p - rate (d + Decay p)
/// </code>
/// Where it is Corrected, m and v are divided by 1 - Beta1^t and 1 - Beta2^t after t steps: they began with zeros.
/// </summary>
internal readonly record struct UpdateRule
{
    /// <summary>What of the mean remains from step to step: at least 0, below 1.</summary>
    public float Beta1 { get; init; }

    /// <summary>How much of a gradient comes into the mean; 0 for a rule without one.</summary>
    public float Weight { get; init; }

    /// <summary>The direction is the mean of the next step: Nesterov's.</summary>
    public bool Ahead { get; init; }

    /// <summary>What of the mean square remains from step to step: at least 0, below 1.</summary>
    public float Beta2 { get; init; }

    /// <summary>Above 0 for a rule with a mean square.</summary>
    public float Epsilon { get; init; }

    /// <summary>Mean and mean square are those of the steps that there were.</summary>
    public bool Corrected { get; init; }

    /// <summary>Decoupled weight decay, of a rule with both means; at least 0.</summary>
    public float Decay { get; init; }

    public bool HasMean => Weight != 0;

    public bool HasMeanSquare => Epsilon != 0;

    /// <summary>Whether its parts go together.</summary>
    /// <exception cref="ArgumentException">They do not; no optimizer is made of such.</exception>
    public void Require()
    {
        if (Ahead && !HasMean)
            throw new ArgumentException("Only a rule with a mean can look ahead.");
        if (Decay != 0 && !(HasMean && HasMeanSquare))
            throw new ArgumentException("Only a rule with a mean and a mean square can decay.");
    }
}
