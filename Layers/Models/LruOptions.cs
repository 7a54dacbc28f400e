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
    /// <summary>The normalisation. The paper's code has both.</summary>
    public LruNorm Norm { get; init; } = LruNorm.Layer;

    /// <summary>
    /// It stands before the recurrence: x + block(norm(x)). Else after all: norm(x + block(x)).
    /// </summary>
    public bool Prenorm { get; init; } = true;

    /// <summary>
    /// How far running statistics of a batch norm move to those of a batch: above 0, at most 1. That of the paper's code is
    /// 0.01 (0.99 the way Flax counts).
    /// </summary>
    public float Momentum { get; init; } = 0.01f;

    /// <summary>
    /// The recurrence runs from each sequence's end as well; what comes out is mixed from both directions' states.
    /// </summary>
    public bool Bidirectional { get; init; }

    /// <summary>Dropout after the gelu and after the gate: at least 0, below 1.</summary>
    public float Dropout { get; init; }

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
