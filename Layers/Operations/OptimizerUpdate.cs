namespace Sequor.Layers;

/// <summary>A range of the block of parameters, all of which are updated with the same factors.</summary>
/// <param name="From">The first value's index.</param>
/// <param name="To">The index after the last value.</param>
/// <param name="RateFactor">What the learning rate is multiplied by.</param>
/// <param name="Decays">Whether the rule's weight decay applies.</param>
internal readonly record struct OptimizerSegment(long From, long To, float RateFactor, bool Decays);

/// <summary>
/// One step of an optimizer over all parameters at once. First the norm of all gradients is computed. Where it is larger than
/// <see cref="MaxNorm"/>, the gradients are scaled down to that norm; where it is not finite, only the count of skipped steps changes.
/// </summary>
internal readonly record struct OptimizerUpdate
{
    /// <summary>The indices of the values in <see cref="State"/>, and their number.</summary>
    public const int LearningRate = 0,
        Step = 1,
        Skipped = 2,
        Norm = 3,
        MaxNorm = 4,
        StateLength = 5;

    /// <summary>How many of the leading values of <see cref="State"/> a checkpoint stores: all but the largest norm.</summary>
    public const int SavedLength = MaxNorm;

    public required UpdateRule Rule { get; init; }
    public required Tensor Parameters { get; init; }
    public required Tensor Gradients { get; init; }

    /// <summary>The running mean of gradients; empty where the rule has none.</summary>
    public Tensor First { get; init; }

    /// <summary>The running mean of squared gradients; empty where the rule has none.</summary>
    public Tensor Second { get; init; }

    /// <summary>
    /// Five values: learning rate, steps taken, steps skipped, last norm, and largest norm (infinity for no clipping). They lie in the
    /// backend's memory, so that a recorded step can change them.
    /// </summary>
    public required Tensor State { get; init; }

    /// <summary>Ranges that follow each other without gaps and cover all parameters.</summary>
    public required OptimizerSegment[] Segments { get; init; }

    /// <summary>The segments in the backend's memory, from <see cref="Backend.PlaceSegments"/>; null where it keeps none there.</summary>
    public Storage? PlacedSegments { get; init; }

    /// <summary>
    /// Fills a report. The gradients are read twice: for their norm, and for the update. For each parameter the norm takes 2 operations, a
    /// mean 3, a mean of squares with its quotient 6, and scale and update 3.
    /// </summary>
    public OperationReport Describe(OperationReport report)
    {
        int each = 5 + (First.IsEmpty ? 0 : 3) + (Second.IsEmpty ? 0 : 6);
        return report
            .Reads(Gradients)
            .Updates(Parameters, First, Second, State)
            .Moves(Gradients.Count * sizeof(float))
            .Costs(each * Parameters.Count);
    }
}
