namespace Sequor.Layers;

/// <summary>What a checkpoint's header says, read without its tensors.</summary>
/// <param name="Position">Where training stood in the data: the index of the next batch.</param>
/// <param name="Seed">The seed of the plan's dropout; resuming needs a plan of the same.</param>
/// <param name="Optimizer">The name of the optimizer: sgd, rmsprop, adam or adamw, or that of a rule of one's own.</param>
/// <param name="Metadata">The texts given when it was saved.</param>
public sealed record CheckpointInfo(
    long Position,
    ulong Seed,
    string Optimizer,
    IReadOnlyDictionary<string, string> Metadata
);
