namespace Sequor.Workloads;

/// <summary>
/// A place on the ladder of Orvieto et al. (2023), figure 1, which leads from a tanh network to the LRU in blocks that are otherwise
/// the same.
/// </summary>
/// <param name="Number">The place, from 1 at the bottom.</param>
/// <param name="Change">What is other than on the rung below.</param>
public sealed record Rung(int Number, string Change);
