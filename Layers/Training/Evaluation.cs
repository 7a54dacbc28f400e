namespace Sequor.Layers;

/// <summary>What an evaluation found.</summary>
/// <param name="Loss">The average loss over the set.</param>
/// <param name="Accuracy">
/// The share of targets whose class is the largest output, from 0 to 1; null where right answers were not counted. See
/// <see cref="Trainer.Accuracy"/>.
/// </param>
public readonly record struct Evaluation(double Loss, double? Accuracy);
