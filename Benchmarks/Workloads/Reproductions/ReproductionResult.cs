using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>What a preset came to, over one seed or several. Written as JSON it is a result of sequor.reproduce/1.</summary>
public sealed record ReproductionResult
{
    /// <summary>What <see cref="Data"/> is where task and seed decide the data.</summary>
    public const string Drawn = "drawn";

    /// <summary>The task's name.</summary>
    [JsonPropertyName("task")]
    public required string Task { get; init; }

    /// <summary>The architecture's name.</summary>
    [JsonPropertyName("arch")]
    public required string Arch { get; init; }

    /// <summary>The preset's name.</summary>
    [JsonPropertyName("preset")]
    public required string Preset { get; init; }

    /// <summary>T, of a task whose sequences may have any length; else null.</summary>
    [JsonPropertyName("length")]
    public int? Length { get; init; }

    /// <summary>Trained values of the model.</summary>
    [JsonPropertyName("parameters")]
    public required long Parameters { get; init; }

    /// <summary>About how many the preset was to have.</summary>
    [JsonPropertyName("parameter_budget")]
    public required long Budget { get; init; }

    /// <summary>Fingerprint of the data set, see <see cref="TaskData.Fingerprint"/>; or <see cref="Drawn"/>.</summary>
    [JsonPropertyName("data")]
    public required string Data { get; init; }

    /// <summary>What paper, valid and test are measured in.</summary>
    [JsonPropertyName("metric")]
    public required string Metric { get; init; }

    /// <summary>Whether the larger one of two such figures is the better one.</summary>
    [JsonPropertyName("higher_is_better")]
    public bool HigherIsBetter { get; init; }

    /// <summary>What is trained on, learning curves are in, and the best epoch is chosen by: less is better.</summary>
    [JsonPropertyName("loss")]
    public required string Loss { get; init; }

    /// <summary>The paper's figure, or null.</summary>
    [JsonPropertyName("paper")]
    public double? Paper { get; init; }

    /// <summary>What differs from the paper, or where the preset comes from; null for nothing.</summary>
    [JsonPropertyName("note")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Note { get; init; }

    /// <summary>Mean over the seeds of the validations at the best epoch; null where a seed has none.</summary>
    [JsonPropertyName("valid")]
    public double? Valid { get; init; }

    /// <summary>Mean over the seeds of the tests at the best validation; null where a seed has none.</summary>
    [JsonPropertyName("test")]
    public double? Test { get; init; }

    /// <summary>
    /// Mean over the seeds of the share of answers that had to be remembered and are right, in percent, on the test set; null where the
    /// task has no such answers, or a seed has no test.
    /// </summary>
    [JsonPropertyName("recalled")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Recalled { get; init; }

    /// <summary>Number of seeds.</summary>
    [JsonPropertyName("seeds")]
    public required int Seeds { get; init; }

    /// <summary>Epochs that were trained, of all seeds.</summary>
    [JsonPropertyName("epochs")]
    public required int Epochs { get; init; }

    /// <summary>Epochs that each seed was to have at most.</summary>
    [JsonPropertyName("epochs_asked")]
    public required int EpochsAsked { get; init; }

    /// <summary>Time of training and validation, of all seeds.</summary>
    [JsonPropertyName("seconds")]
    public required double Seconds { get; init; }

    /// <summary>Most memory of the backend that training and validation took at a time.</summary>
    [JsonPropertyName("peak_bytes")]
    public required long PeakBytes { get; init; }

    /// <summary>All seeds came to the end that the preset sets, not to that of the time.</summary>
    [JsonPropertyName("finished")]
    public required bool Finished { get; init; }

    /// <summary>Why the last state is not in the checkpoint, although it should be; null where it is.</summary>
    [JsonIgnore]
    public string? Unsaved { get; init; }

    /// <summary>The seeds one by one, with their learning curves.</summary>
    [JsonPropertyName("runs")]
    public IReadOnlyList<ReproductionRun> Runs { get; init; } = [];

    /// <summary>Joins the results of several seeds.</summary>
    /// <param name="results">At least one; all of one preset.</param>
    /// <exception cref="ArgumentException">There is none, or they are of different presets.</exception>
    public static ReproductionResult Join(IReadOnlyList<ReproductionResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        if (results.Count == 0)
            throw new ArgumentException("There are no results to join.", nameof(results));
        ReproductionResult first = results[0];
        if (results.Any(r => (r.Task, r.Arch, r.Preset) != (first.Task, first.Arch, first.Preset)))
            throw new ArgumentException("The results are of different presets.", nameof(results));
        ReproductionRun[] runs = [.. results.SelectMany(r => r.Runs)];
        return first with
        {
            Valid = Mean(runs.Select(r => r.Valid)),
            Test = Mean(runs.Select(r => r.Test)),
            Recalled = Mean(runs.Select(r => r.Recalled)),
            Seeds = runs.Length,
            Epochs = results.Sum(r => r.Epochs),
            Seconds = results.Sum(r => r.Seconds),
            PeakBytes = results.Max(r => r.PeakBytes),
            Finished = results.All(r => r.Finished),
            Runs = runs,
        };
    }

    private static double? Mean(IEnumerable<double?> values) =>
        values.Any(value => value is null) ? null : values.Average();
}
