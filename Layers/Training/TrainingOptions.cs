namespace Sequor.Layers;

/// <summary>How a model is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>The default of <see cref="LogEvery"/>.</summary>
    public const int DefaultLogEvery = 100;

    /// <summary>The number of sequences per step, at least 1.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>
    /// The number of sequences that are evaluated side by side, at least 1; null for as many as <see cref="Batch"/>. It affects the result
    /// of an evaluation only by rounding.
    /// </summary>
    public int? EvaluationBatch { get; init; }

    /// <summary>
    /// The largest global norm of the gradients, to which larger ones are scaled down; above 0, infinity for no clipping.
    /// </summary>
    public float Clip { get; init; } = float.PositiveInfinity;

    /// <summary>The seed of parameters, dropout and the order of a finite set's sequences.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The number of steps after which training is over, at least 1; null for no such limit.</summary>
    public long? Steps { get; init; }

    /// <summary>The number of epochs after which training is over, at least 1; null for no such limit.</summary>
    public int? Epochs { get; init; }

    /// <summary>
    /// The number of steps in an epoch of an endless set, at least 1; null for no epochs. It must be null for a finite set, whose epochs go
    /// through the set once.
    /// </summary>
    public int? StepsPerEpoch { get; init; }

    /// <summary>Training ends after this number of epochs without a better validation loss; 0 for no such end.</summary>
    public int Patience { get; init; }

    /// <summary>When the learning rate falls; null for never.</summary>
    public Plateau? Plateau { get; init; }

    /// <summary>
    /// How the learning rate changes from step to step, with the optimizer's rate as the highest; null for a constant rate. If there
    /// is a <see cref="Plateau"/> as well, it lowers the highest rate.
    /// </summary>
    public IRateSchedule? Schedule { get; init; }

    /// <summary>
    /// Whether states are carried from window to window, without gradient: truncated backpropagation through time. It needs sets that are
    /// continuous (<see cref="Dataset.IsContinuous"/>) and layers that can carry (<see cref="PlanOptions.Carry"/>). Each epoch cuts the
    /// training set into <see cref="Batch"/> streams of equally many windows, which lie side by side, and begins from states of zero; the
    /// windows that are left over, fewer than streams, and a last one that is shorter are not trained on. An evaluation carries as well,
    /// and sees all windows; the left ones follow one by one, from states of zero.
    /// </summary>
    public bool Carry { get; init; }

    /// <summary>
    /// The number of steps after which their losses and gradient norms are read together from the device, which waits for it. With 0, only
    /// the losses of an epoch are kept, until its end; before that only the last step's loss can be read.
    /// </summary>
    public int LogEvery { get; init; } = DefaultLogEvery;

    /// <summary>
    /// Whether the next step's batch is filled on another thread while a step runs, if the training set allows that
    /// (<see cref="Dataset.CanPrepareAhead"/>). The bits are the same either way; the batch's host memory is taken twice.
    /// </summary>
    public bool PrepareAhead { get; init; } = true;

    internal void Validate(bool epochs, bool validation)
    {
        Require(Batch >= 1, nameof(Batch), Batch, "at least 1");
        Require(
            EvaluationBatch is not < 1,
            nameof(EvaluationBatch),
            EvaluationBatch,
            "at least 1, or null"
        );
        Require(Clip > 0, nameof(Clip), Clip, "above 0");
        Require(Steps is not < 1, nameof(Steps), Steps, "at least 1, or null");
        Require(Epochs is not < 1, nameof(Epochs), Epochs, "at least 1, or null");
        Require(
            epochs || Epochs is null,
            nameof(Epochs),
            Epochs,
            "null where the training set is endless and StepsPerEpoch is null"
        );
        Require(
            StepsPerEpoch is not < 1,
            nameof(StepsPerEpoch),
            StepsPerEpoch,
            "at least 1, or null"
        );
        Require(Patience >= 0, nameof(Patience), Patience, "at least 0");
        Require(LogEvery >= 0, nameof(LogEvery), LogEvery, "at least 0");
        Require(
            Patience == 0 || (epochs && validation),
            nameof(Patience),
            Patience,
            "0 without epochs and a validation set"
        );
        if (Plateau is not { } plateau)
            return;
        Require(
            epochs && validation,
            nameof(Plateau),
            plateau,
            "null without epochs and a validation set"
        );
        Require(
            plateau.Factor is > 0 and < 1,
            "Plateau.Factor",
            plateau.Factor,
            "above 0 and below 1"
        );
        Require(plateau.Window >= 1, "Plateau.Window", plateau.Window, "at least 1");
        Require(plateau.After >= 0, "Plateau.After", plateau.After, "at least 0");
    }

    private static void Require(bool right, string name, object? value, string allowed)
    {
        if (!right)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {allowed}.");
    }
}

/// <summary>
/// Multiplies the learning rate by a factor after each epoch whose validation loss is higher than those of all of the last few epochs. It
/// is the rule of Bai et al.'s music script, with its numbers.
/// </summary>
/// <param name="Factor">The factor of the rate: above 0, below 1.</param>
/// <param name="Window">The number of earlier epochs that an epoch is compared with, at least 1.</param>
/// <param name="After">The number of epochs at the beginning that the rule ignores, at least 0.</param>
public sealed record Plateau(float Factor = 0.1f, int Window = 3, int After = 10)
{
    // The newest validation comes last.
    internal bool IsReached(IReadOnlyList<EpochRecord> history)
    {
        int last = history.Count - 1;
        if (history.Count <= After || last < 1)
            return false;
        for (int i = Math.Max(0, last - Window); i < last; i++)
        {
            if (!(history[last].Valid > history[i].Valid))
                return false;
        }
        return true;
    }
}
