namespace Sequor.Layers;

/// <summary>
/// How a parameter p follows its gradient g, which clipping has scaled. All optimizers are made of these parts, in this order. A part whose
/// number is 0 or false is left out, and no memory is allocated for it:
/// <code>
/// m = Beta1 m + Weight g               the mean of gradients, or their decaying sum
/// d = m, or g where there is no mean   the direction
/// d = Beta1 m + Weight g               instead, where it looks Ahead: the mean of the next step, were g to come again
/// v = Beta2 v + (1 - Beta2) g^2        the mean square
/// d = d / (sqrt(v) + Epsilon)
/// p = p - rate (d + Decay p)
/// </code>
/// Where it is Corrected, m and v are divided by 1 - Beta1^t and 1 - Beta2^t after t steps, since they began as zeros.
/// </summary>
internal readonly record struct UpdateRule
{
    /// <summary>The part of the mean that remains from step to step: at least 0, below 1.</summary>
    public float Beta1 { get; init; }

    /// <summary>The factor with which a gradient enters the mean; 0 for a rule without a mean.</summary>
    public float Weight { get; init; }

    /// <summary>Whether the direction is the mean of the next step, as in Nesterov's momentum.</summary>
    public bool Ahead { get; init; }

    /// <summary>The part of the mean square that remains from step to step: at least 0, below 1.</summary>
    public float Beta2 { get; init; }

    /// <summary>Above 0 for a rule with a mean square.</summary>
    public float Epsilon { get; init; }

    /// <summary>Whether mean and mean square are corrected for having begun as zeros.</summary>
    public bool Corrected { get; init; }

    /// <summary>The decoupled weight decay of a rule that has both means; at least 0.</summary>
    public float Decay { get; init; }

    public bool HasMean => Weight != 0;

    public bool HasMeanSquare => Epsilon != 0;

    /// <summary>Checks that the rule's parts are ones that optimizers combine.</summary>
    /// <exception cref="ArgumentException">No optimizer combines such parts.</exception>
    public void Require()
    {
        if (Ahead && !HasMean)
            throw new ArgumentException("Only a rule with a mean can look ahead.");
        if (Decay != 0 && !(HasMean && HasMeanSquare))
            throw new ArgumentException("Only a rule with a mean and a mean square can decay.");
    }
}
