namespace Sequor.Layers;

/// <summary>How a model is trained on a finite set.</summary>
public sealed record EpochOptions
{
    /// <summary>Pieces a step, at least 1.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Pieces that are evaluated side by side, at least 1; what comes out is the same but for rounding.</summary>
    public int EvaluationBatch { get; init; } = 8;

    /// <summary>Largest global norm of the gradients; infinity for no clipping.</summary>
    public float Clip { get; init; } = float.PositiveInfinity;

    /// <summary>Seed of parameters, dropout and the order of pieces.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Epochs at most, at least 1.</summary>
    public int Epochs { get; init; } = 100;

    /// <summary>Epochs without a better validation after which training ends; 0 for no such end.</summary>
    public int Patience { get; init; }

    /// <summary>When the learning rate falls; null for never.</summary>
    public Plateau? Plateau { get; init; }

    /// <summary>
    /// How the learning rate goes by the step, the optimizer's being the highest; null for always that. With a
    /// <see cref="Plateau"/> as well, that lowers the highest.
    /// </summary>
    public WarmupCosine? Schedule { get; init; }

    internal void Validate()
    {
        Require(Batch >= 1, nameof(Batch), Batch, "at least 1");
        Require(EvaluationBatch >= 1, nameof(EvaluationBatch), EvaluationBatch, "at least 1");
        Require(Clip > 0, nameof(Clip), Clip, "above 0");
        Require(Epochs >= 1, nameof(Epochs), Epochs, "at least 1");
        Require(Patience >= 0, nameof(Patience), Patience, "at least 0");
        if (Plateau is not { } plateau)
            return;
        Require(
            plateau.Factor is > 0 and < 1,
            "Plateau.Factor",
            plateau.Factor,
            "above 0 and below 1"
        );
        Require(plateau.Window >= 1, "Plateau.Window", plateau.Window, "at least 1");
        Require(plateau.After >= 0, "Plateau.After", plateau.After, "at least 0");
    }

    private static void Require(bool right, string name, object value, string allowed)
    {
        if (!right)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {allowed}.");
    }
}

/// <summary>
/// The learning rate is multiplied by a factor after each epoch whose validation is worse than all of the last few were:
/// the rule of Bai et al.'s music script, with its numbers.
/// </summary>
/// <param name="Factor">Above 0, below 1.</param>
/// <param name="Window">How many epochs before it an epoch is compared with, at least 1.</param>
/// <param name="After">Epochs at the beginning that the rule leaves alone, at least 0.</param>
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

/// <summary>What an epoch came to.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="Train">Average loss of its batches, each before its update and with dropout.</param>
/// <param name="Valid">Loss over the validation set after it, without dropout.</param>
/// <param name="LearningRate">The rate that it was trained with: that of its last step.</param>
/// <param name="Seconds">Time of training and validation from the beginning to its end.</param>
public sealed record EpochRecord(
    int Epoch,
    double Train,
    double Valid,
    float LearningRate,
    double Seconds
);

/// <summary>Where training stands, after a step.</summary>
/// <param name="Epoch">The epoch that the step belonged to, from 1.</param>
/// <param name="Step">The step's number in it, from 1.</param>
/// <param name="StepsPerEpoch">Steps of each epoch.</param>
/// <param name="Elapsed">Time of training and validation so far, that before an interruption included.</param>
/// <param name="Ended">What the epoch came to where this was its last step; else null.</param>
public readonly record struct EpochProgress(
    int Epoch,
    int Step,
    int StepsPerEpoch,
    TimeSpan Elapsed,
    EpochRecord? Ended
);

/// <summary>Why training stopped.</summary>
public enum StopReason
{
    /// <summary>All epochs are done.</summary>
    Epochs,

    /// <summary>Validation did not improve for as many epochs as allowed.</summary>
    Patience,

    /// <summary>The time is up; training can go on.</summary>
    Budget,

    /// <summary>It was asked to stop; training can go on.</summary>
    Cancelled,
}
