namespace Sequor.Layers;

/// <summary>Which normalisation the blocks of an LRU have.</summary>
public enum LruNorm
{
    /// <summary>Over the channels of each step: <see cref="LayerNorm"/>.</summary>
    Layer,

    /// <summary>Of each channel over all steps and sequences: <see cref="BatchNorm"/>.</summary>
    Batch,
}

/// <summary>What the blocks of an LRU have in common beside their sizes.</summary>
public sealed record LruOptions
{
    /// <summary>
    /// The normalisation. Both are in minimal-LRU (NicolasZucchet/minimal-LRU), which calls itself an unofficial implementation
    /// of the paper.
    /// </summary>
    public LruNorm Norm { get; init; } = LruNorm.Layer;

    /// <summary>
    /// It stands before the recurrence: x + block(norm(x)). Else after all: norm(x + block(x)).
    /// </summary>
    public bool Prenorm { get; init; } = true;

    /// <summary>
    /// How far running statistics of a batch norm move to those of a batch: above 0, at most 1. That of minimal-LRU, which is
    /// unofficial, is 0.01 (0.99 the way Flax counts).
    /// </summary>
    public float Momentum { get; init; } = 0.01f;

    /// <summary>
    /// The recurrence runs from each sequence's end as well; what comes out is mixed from both directions' states.
    /// </summary>
    public bool Bidirectional { get; init; }

    /// <summary>Dropout after the gelu and after the gate: at least 0, below 1.</summary>
    public float Dropout { get; init; }

    /// <summary>
    /// Dropout draws one mask of the channels for each sequence, which all its steps share, as in minimal-LRU and in S5's code,
    /// from which that comes (Flax's nn.Dropout with broadcast_dims=[0]). By default each value is drawn for itself: that is
    /// what dropout without more said means in PyTorch and Flax, and the figures of docs/results.md were had with it. A
    /// shared mask takes a channel from a sequence for good, where the steps beside it make up for one that is dropped
    /// alone, so the same rate drops more.
    /// </summary>
    public bool SharedDropout { get; init; }

    /// <summary>Where the eigenvalues begin.</summary>
    public LruRing Ring { get; init; } = new();

    internal static Layer CreateNorm(LruOptions options, int size) =>
        options.Norm switch
        {
            LruNorm.Layer => new LayerNorm(size),
            LruNorm.Batch => new BatchNorm(size, options.Momentum),
            _ => throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Norm,
                "The norm must be Layer or Batch."
            ),
        };
}
