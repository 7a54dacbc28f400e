using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>How a preset is run.</summary>
public sealed record ReproductionOptions
{
    /// <summary>Seed of parameters, dropout, the order of pieces, and of drawn training data.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Time of training and validation in all, that before an interruption included; null for no limit.</summary>
    public TimeSpan? Budget { get; init; }

    /// <summary>Time of training and validation from now on, that before an interruption not included; null for no limit.</summary>
    public TimeSpan? TimeLeft { get; init; }

    /// <summary>
    /// A file that training is saved to, and resumed from where it is there already; null for none. It is kept at the end.
    /// </summary>
    public string? Checkpoint { get; init; }

    /// <summary>Time of training between two savings; it is saved at every stop as well.</summary>
    public TimeSpan SaveEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many older checkpoints are kept as FILE.1 (the newest), FILE.2 and so on, from 0 to 100.</summary>
    public int Keep { get; init; }

    /// <summary>
    /// Is given a line where a checkpoint was not saved, and one where it is again; training goes on meanwhile.
    /// </summary>
    public Action<string>? Tell { get; init; }

    /// <summary>The time of training and validation in all, of a run that has some behind it; null for no limit.</summary>
    internal TimeSpan? BudgetFrom(TimeSpan elapsed) =>
        TimeLeft is not { } left ? Budget
        : Budget < elapsed + left ? Budget
        : elapsed + left;
}

/// <summary>Where a run stands.</summary>
/// <param name="Now">The step just done, and the epoch that it ended, if it did.</param>
/// <param name="Epochs">Epochs at most.</param>
/// <param name="Best">The best epoch so far; null before the first has ended.</param>
public readonly record struct ReproductionProgress(
    TrainingProgress Now,
    int Epochs,
    EpochRecord? Best
);
