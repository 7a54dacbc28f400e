namespace Sequor.Layers;

/// <summary>What an evaluation found.</summary>
/// <param name="Loss">The average loss over the set.</param>
/// <param name="Accuracy">
/// The share of targets whose class is the largest output, from 0 to 1; null where right answers were not counted. See
/// <see cref="Trainer.Accuracy"/>.
/// </param>
public readonly record struct Evaluation(double Loss, double? Accuracy)
{
    /// <summary>
    /// Whether each sequence's answer is right, in the order of the set: two models that answered the same questions are compared question
    /// by question. A sequence that does not count is not right. Null where right answers were not counted, or sequences have a target
    /// at each step.
    /// </summary>
    public IReadOnlyList<bool>? Right { get; init; }
}
