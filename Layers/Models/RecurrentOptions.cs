namespace Sequor.Layers;

/// <summary>What recurrent networks have in common beside their sizes.</summary>
public sealed record RecurrentOptions
{
    /// <summary>Layers on top of each other, 1 to <see cref="Layer.MostLayers"/>.</summary>
    public int Layers { get; init; } = 1;

    /// <summary>A second network of each layer runs from the end; outputs stand side by side, [forward | reverse].</summary>
    public bool Bidirectional { get; init; }

    /// <summary>Which biases there are.</summary>
    public RecurrentBias Bias { get; init; } = RecurrentBias.DoubleBias;

    /// <summary>
    /// Dropout between layers: at least 0, below 1. Where the network runs both ways, the directions of the next layer read the
    /// outputs of both through one mask on the CPU, as PyTorch's do there, and each through a mask of its own on CUDA, as
    /// cuDNN draws them.
    /// </summary>
    public float Dropout { get; init; }

    /// <summary>
    /// LSTM only: P, at least 1 and below H. The output is projected, h = W_hr (o tanh(c)), before it is handed on: outputs
    /// and hidden states then have P channels, cell states H. Null for none. PyTorch's proj_size, cuDNN's projSize (Sak et al.
    /// 2014).
    /// </summary>
    public int? ProjectionSize { get; init; }

    /// <summary>LSTM only: bounds that the cell state is read within; null for none. See <see cref="Layers.CellClip"/>.</summary>
    public CellClip? CellClip { get; init; }

    internal static RecurrentBias KnownBias(RecurrentBias bias) =>
        Enum.IsDefined(bias)
            ? bias
            : throw new ArgumentOutOfRangeException(
                nameof(bias),
                bias,
                $"The bias must be one of {string.Join(", ", Enum.GetNames<RecurrentBias>())}."
            );

    /// <summary>The projection size that such a network may have; 0 for none.</summary>
    internal static int Projection(RecurrentKind kind, int hiddenSize, int? projectionSize)
    {
        if (projectionSize is not { } size)
            return 0;
        if (kind != RecurrentKind.Lstm)
            throw new ArgumentException(
                $"Only an LSTM has a projection; this network is {kind}.",
                nameof(projectionSize)
            );
        if (size < 1 || size >= hiddenSize)
        {
            string allowed =
                hiddenSize == 1
                    ? "With one hidden unit there is nothing to project"
                    : $"The projection size must be 1 to {hiddenSize - 1}, below the hidden size";
            throw new ArgumentOutOfRangeException(
                nameof(projectionSize),
                size,
                $"{allowed}; leave it out for no projection."
            );
        }
        return size;
    }

    /// <summary>The bounds that such a network's cell state may have.</summary>
    internal static CellClip? Clip(RecurrentKind kind, CellClip? cellClip)
    {
        if (cellClip is not { } clip)
            return null;
        if (kind != RecurrentKind.Lstm)
            throw new ArgumentException(
                $"Only an LSTM has a cell state to clip; this network is {kind}.",
                nameof(cellClip)
            );
        if (!float.IsFinite(clip.Min) || !float.IsFinite(clip.Max) || clip.Min > clip.Max)
            throw new ArgumentOutOfRangeException(
                nameof(cellClip),
                clip,
                "The bounds of a cell state must be finite, and Min not above Max."
            );
        return clip;
    }
}

/// <summary>
/// Bounds of an LSTM's cell state wherever it is read, cuDNN's CUDNN_RNN_CLIP_MINMAX: c = f clip(c before) + i g,
/// h = o tanh(clip(c)), in every layer. Initial states are read through it as well; final ones are handed out as they are,
/// not clipped. Where it clips, nothing flows back.
/// </summary>
/// <remarks>NaN stays NaN, as with CUDNN_PROPAGATE_NAN.</remarks>
/// <param name="Min">The least value, finite.</param>
/// <param name="Max">The largest value, finite and not below the least.</param>
public sealed record CellClip(float Min, float Max);
