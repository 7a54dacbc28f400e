namespace Sequor.Layers;

/// <summary>Which rule an update follows.</summary>
internal enum OptimizerRule
{
    Sgd,
    RmsProp,
    Adam,
    AdamW,
}

/// <summary>A range of the block of parameters that is updated alike.</summary>
/// <param name="From">First value.</param>
/// <param name="To">Behind the last one.</param>
/// <param name="RateFactor">The learning rate is multiplied by it.</param>
/// <param name="Decays">The rule's weight decay acts here.</param>
internal readonly record struct OptimizerSegment(long From, long To, float RateFactor, bool Decays);

/// <summary>
/// One step of an optimizer over all parameters at once. The gradients' norm is taken first, and scales them down to
/// <see cref="MaxNorm"/> where it is larger; where it is not finite, nothing changes but the count of skipped steps.
/// </summary>
internal readonly record struct OptimizerUpdate
{
    /// <summary>Index of values in <see cref="State"/>.</summary>
    public const int LearningRate = 0,
        Step = 1,
        Skipped = 2,
        Norm = 3,
        MaxNorm = 4,
        StateLength = 5;

    /// <summary>The first of them, which a checkpoint has.</summary>
    public const int SavedLength = MaxNorm;

    public required OptimizerRule Rule { get; init; }
    public required Tensor Parameters { get; init; }
    public required Tensor Gradients { get; init; }

    /// <summary>Momentum, or the mean square (RMSProp), or the first moment (Adam); empty where the rule has none.</summary>
    public Tensor First { get; init; }

    /// <summary>Adam's second moment.</summary>
    public Tensor Second { get; init; }

    /// <summary>
    /// Learning rate, steps taken, steps skipped, last norm, largest norm (infinity for no clipping): they live where the step
    /// runs.
    /// </summary>
    public required Tensor State { get; init; }

    /// <summary>Momentum, RMSProp's smoothing, Adam's beta 1.</summary>
    public float Beta1 { get; init; }
    public float Beta2 { get; init; }
    public float Epsilon { get; init; }

    /// <summary>AdamW's weight decay.</summary>
    public float Decay { get; init; }

    /// <summary>Ranges that follow each other and cover all parameters.</summary>
    public required OptimizerSegment[] Segments { get; init; }

    /// <summary>The same by <see cref="Backend.PlaceSegments"/>.</summary>
    public Storage? PlacedSegments { get; init; }
}
