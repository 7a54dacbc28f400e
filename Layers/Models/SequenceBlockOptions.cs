namespace Sequor.Layers;

/// <summary>What a <see cref="SequenceBlock"/> has around its core.</summary>
public sealed record SequenceBlockOptions
{
    /// <summary>The kind of normalisation.</summary>
    public NormKind Norm { get; init; } = NormKind.Layer;

    /// <summary>
    /// Whether the norm comes before the core, x + block(norm(x)); otherwise it comes after the sum, norm(x + block(x)).
    /// </summary>
    public bool Prenorm { get; init; } = true;

    /// <summary>How far each batch moves the running statistics of a batch norm: above 0, at most 1.</summary>
    public float Momentum { get; init; } = 0.01f;

    /// <summary>
    /// The probability of dropout after the GELU and after the mixing: at least 0, below 1. With <see cref="BlockMixing.None"/> there is
    /// only the one after the GELU.
    /// </summary>
    public float Dropout { get; init; }

    /// <summary>
    /// Whether dropout draws one mask of the channels for each sequence, which all its steps share, as S5's and S4D's code do; otherwise
    /// each value is drawn by itself.
    /// </summary>
    public bool SharedDropout { get; init; }

    /// <summary>How the channels of each step are mixed.</summary>
    public BlockMixing Mixing { get; init; } = BlockMixing.Glu;
}
