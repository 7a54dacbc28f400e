using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// What the results of a task are told in, beside the loss that is trained on and that decides which epoch is the best: the terms in which
/// papers tell theirs.
/// </summary>
public sealed class TaskScore
{
    private readonly Func<Evaluation, double> _of;

    private TaskScore(string name, Func<Evaluation, double> of) => (Name, _of) = (name, of);

    /// <summary>Its name in reports.</summary>
    public string Name { get; }

    /// <summary>Whether the larger one of two is the better one.</summary>
    public bool HigherIsBetter { get; private init; }

    /// <summary>Whether it is made of right answers, which have to be counted, and not of the loss.</summary>
    public bool CountsAnswers { get; private init; }

    /// <summary>The share of right answers, in percent.</summary>
    public static TaskScore Accuracy { get; } =
        new("accuracy", result => 100 * Answers(result))
        {
            HigherIsBetter = true,
            CountsAnswers = true,
        };

    /// <summary>The mean cross-entropy of characters, in bits.</summary>
    public static TaskScore BitsACharacter { get; } =
        new("bits a character", result => result.Loss / Math.Log(2));

    /// <summary>Of words: e to the mean cross-entropy in nats.</summary>
    public static TaskScore Perplexity { get; } =
        new("perplexity", result => Math.Exp(result.Loss));

    /// <summary>The mean loss as it is.</summary>
    /// <param name="name">What it is called: nll, mse, cross-entropy.</param>
    public static TaskScore OfLoss(string name) => new(name, result => result.Loss);

    /// <summary>The score of an evaluation.</summary>
    /// <param name="result">The mean loss and, where <see cref="CountsAnswers"/>, the share of right answers.</param>
    /// <exception cref="ArgumentException">The share of right answers is needed, and was not counted.</exception>
    public double Of(Evaluation result) => _of(result);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static double Answers(Evaluation result) =>
        result.Accuracy
        ?? throw new ArgumentException(
            "An accuracy needs right answers to be counted.",
            nameof(result)
        );
}
