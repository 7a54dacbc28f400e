using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>One seed's run of a preset.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Valid">The best epoch's score on the validation set; null where there was no time for one.</param>
/// <param name="Test">The score on the test set with that epoch's parameters; null where it was cancelled.</param>
/// <param name="BestEpoch">The best epoch's number, or 0.</param>
/// <param name="Epochs">The epochs that were trained.</param>
/// <param name="Stopped">Why it ended.</param>
public sealed record ReproductionRun(
    [property: JsonPropertyName("seed")] ulong Seed,
    [property: JsonPropertyName("valid")] double? Valid,
    [property: JsonPropertyName("test")] double? Test,
    [property: JsonPropertyName("best_epoch")] int BestEpoch,
    [property: JsonIgnore] IReadOnlyList<EpochRecord> Epochs,
    [property: JsonIgnore] StopReason Stopped
)
{
    /// <summary>Why it ended, as reports have it: a word in small letters.</summary>
    [JsonPropertyName("stopped")]
    public string StoppedText => Stopped.ToString().ToLowerInvariant();

    /// <summary>What was not finite, and where, of a run that diverged; else null.</summary>
    [JsonPropertyName("reason")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>The best epoch's loss over the validation set, by which it is the best; null where there was no time for one.</summary>
    [JsonPropertyName("valid_loss")]
    public double? ValidLoss { get; init; }

    /// <summary>The loss over the test set with that epoch's parameters; null where it was cancelled.</summary>
    [JsonPropertyName("test_loss")]
    public double? TestLoss { get; init; }

    /// <summary>The share of answers that had to be remembered and are right, in percent; null where the task has none.</summary>
    [JsonPropertyName("recalled")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Recalled { get; init; }

    /// <summary>Which answers of the test set are right; null where sequences have more than one, or were not tested.</summary>
    [JsonPropertyName("answers")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RightAnswers? Answers { get; init; }

    /// <summary>The device's name; of a run that was resumed that of its last part.</summary>
    [JsonPropertyName("device")]
    public required string Device { get; init; }

    /// <summary>Host threads that computed; of a run that was resumed those of its last part.</summary>
    [JsonPropertyName("threads")]
    public required int Threads { get; init; }

    /// <summary>What was computed in another way than was asked for, and why; null for nothing.</summary>
    [JsonPropertyName("fallbacks")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Fallbacks { get; init; }

    /// <summary>What was chosen for the shapes of the model; null of a CPU, and of a run that was over before.</summary>
    [JsonPropertyName("choices")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ChoiceReport>? Choices { get; init; }

    /// <summary>The learning curve, as reports have it.</summary>
    [JsonPropertyName("curve")]
    public IReadOnlyList<CurvePoint> Curve => [.. Epochs.Select(CurvePoint.Of)];
}

/// <summary>An epoch of a learning curve.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="Train">Average loss of its batches, each before its update and with dropout.</param>
/// <param name="Valid">Loss over the validation set after it.</param>
/// <param name="Seconds">Time of training and validation from the beginning to its end.</param>
/// <param name="Rate">Learning rate of its last step.</param>
public sealed record CurvePoint(
    [property: JsonPropertyName("epoch")] int Epoch,
    [property: JsonPropertyName("train")] double Train,
    [property: JsonPropertyName("valid")] double Valid,
    [property: JsonPropertyName("seconds")] double Seconds,
    [property: JsonPropertyName("rate")] float Rate
)
{
    /// <summary>An epoch in the form of the report.</summary>
    public static CurvePoint Of(EpochRecord epoch)
    {
        ArgumentNullException.ThrowIfNull(epoch);
        double valid =
            epoch.Valid
            ?? throw new ArgumentException("A point needs a validated epoch.", nameof(epoch));
        return new CurvePoint(
            epoch.Epoch,
            epoch.Train,
            valid,
            Math.Round(epoch.Seconds, 3),
            epoch.LearningRate
        );
    }
}
