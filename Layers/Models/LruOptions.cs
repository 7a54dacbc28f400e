namespace Sequor.Layers;

/// <summary>What the blocks of an LRU have in common besides their sizes.</summary>
public sealed record LruOptions
{
    /// <summary>
    /// The kind of normalisation. Both are in minimal-LRU (NicolasZucchet/minimal-LRU), which calls itself an unofficial implementation of
    /// the paper.
    /// </summary>
    public NormKind Norm { get; init; } = NormKind.Layer;

    /// <summary>
    /// Whether the norm comes before the recurrence, x + block(norm(x)); otherwise it comes after the sum, norm(x + block(x)).
    /// </summary>
    public bool Prenorm { get; init; } = true;

    /// <summary>
    /// How far each batch moves the running statistics of a batch norm: above 0, at most 1. The value of minimal-LRU, which is unofficial,
    /// is 0.01 (0.99 in Flax's terms).
    /// </summary>
    public float Momentum { get; init; } = 0.01f;

    /// <summary>Whether the recurrence also runs from each sequence's end; the output then mixes the states of both directions.</summary>
    public bool Bidirectional { get; init; }

    /// <summary>The probability of dropout after the GELU and after the gate: at least 0, below 1.</summary>
    public float Dropout { get; init; }

    /// <summary>
    /// Whether dropout draws one mask of the channels for each sequence, which all its steps share. That is what minimal-LRU does, and S5's
    /// code, from which it comes (Flax's nn.Dropout with broadcast_dims=[0]). By default each value is drawn by itself, as dropout does in
    /// PyTorch and Flax unless told otherwise, and as it did for the figures of docs/results.md. A shared mask removes a channel from a
    /// whole sequence, whereas neighbouring steps make up for a value that is dropped alone; so the same rate has a stronger effect.
    /// </summary>
    public bool SharedDropout { get; init; }

    /// <summary>The ring in which the eigenvalues begin, for the rungs <see cref="LruRung.Lru"/> and <see cref="LruRung.Ring"/>.</summary>
    public LruRing Ring { get; init; } = new();

    /// <summary>What the eigenvalues are made of, and whether inputs are scaled.</summary>
    public LruRung Rung { get; init; }
}
