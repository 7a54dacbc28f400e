namespace Sequor.Layers;

/// <summary>The contents of a checkpoint's header, which are read without its tensors.</summary>
/// <param name="Position">Where training stood in the data: the index of the next batch.</param>
/// <param name="Seed">The seed of the plan's dropout; resuming needs a plan with the same seed.</param>
/// <param name="Optimizer">The optimizer's name, such as sgd, rmsprop, adam or adamw, or the name of a custom rule.</param>
/// <param name="Metadata">The texts that it was saved with.</param>
public sealed record CheckpointInfo(
    long Position,
    ulong Seed,
    string Optimizer,
    IReadOnlyDictionary<string, string> Metadata
);
