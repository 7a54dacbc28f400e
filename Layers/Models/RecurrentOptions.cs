namespace Sequor.Layers;

/// <summary>What recurrent networks have in common besides their sizes.</summary>
public sealed record RecurrentOptions
{
    /// <summary>The number of stacked layers, 1 to <see cref="Layer.MostLayers"/>.</summary>
    public int Layers { get; init; } = 1;

    /// <summary>Whether each layer has a second network that runs from the end; outputs lie side by side, [forward | reverse].</summary>
    public bool Bidirectional { get; init; }

    /// <summary>Which biases there are.</summary>
    public RecurrentBias Bias { get; init; } = RecurrentBias.DoubleBias;

    /// <summary>How the parameters begin.</summary>
    public RecurrentInitialization Initialization { get; init; } = RecurrentInitialization.Uniform;

    /// <summary>
    /// The probability of dropout between layers: at least 0, below 1. Where the network runs in both directions, both directions of the
    /// next layer read the outputs through one mask on the CPU, as in PyTorch, and each through a mask of its own on CUDA, as cuDNN draws
    /// them; a linear recurrence has the CPU's masks there.
    /// </summary>
    public float Dropout { get; init; }

    /// <summary>
    /// For an LSTM only: P, at least 1 and below H. The output is projected, h = W_hr (o tanh(c)), before it is passed on, so outputs and
    /// hidden states have P channels and cell states H. Null for no projection. It is PyTorch's proj_size and cuDNN's projSize (Sak et al.
    /// 2014).
    /// </summary>
    public int? ProjectionSize { get; init; }

    /// <summary>For an LSTM only: bounds on the cell state where it is read; null for none. See <see cref="Layers.CellClip"/>.</summary>
    public CellClip? CellClip { get; init; }

    internal static RecurrentBias KnownBias(RecurrentBias bias) =>
        Enum.IsDefined(bias)
            ? bias
            : throw new ArgumentOutOfRangeException(
                nameof(bias),
                bias,
                $"The bias must be one of {string.Join(", ", Enum.GetNames<RecurrentBias>())}."
            );

    /// <summary>Checks how the parameters of a kind of network begin.</summary>
    internal static RecurrentInitialization KnownInitialization(
        RecurrentKind kind,
        RecurrentInitialization initialization
    )
    {
        if (!Enum.IsDefined(initialization))
            throw new ArgumentOutOfRangeException(
                nameof(initialization),
                initialization,
                $"The initialization must be one of {string.Join(", ", Enum.GetNames<RecurrentInitialization>())}."
            );
        if (
            initialization == RecurrentInitialization.NormalWithinCircle
            && kind is RecurrentKind.Lstm or RecurrentKind.Gru
        )
            throw new ArgumentException(
                $"Only an RNN begins {initialization}; this network is {kind}, whose gates' matrices are no recurrence by themselves.",
                nameof(initialization)
            );
        return initialization;
    }

    /// <summary>What draws the first values of a parameter of a network with H hidden units.</summary>
    internal static Parameter.Initializer Initializer(
        RecurrentInitialization initialization,
        int hiddenSize,
        string name,
        Shape shape
    )
    {
        if (initialization == RecurrentInitialization.Uniform)
            return Parameter.Uniform(1 / Math.Sqrt(hiddenSize));
        if (shape.Rank == 1)
            return Parameter.Constant(0f);
        Parameter.Initializer normal = Parameter.Normal(1 / Math.Sqrt(shape.Columns));
        return
            initialization == RecurrentInitialization.NormalWithinCircle
            && name.StartsWith("weight_hh", StringComparison.Ordinal)
            ? WithinCircle(normal, shape.Columns)
            : normal;
    }

    private static Parameter.Initializer WithinCircle(Parameter.Initializer draw, int size) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> drawn) =>
        {
            draw(ref random, values, drawn);
            double radius = SpectralRadius.Of(values, size);
            if (radius > 1)
                foreach (ref float value in values)
                    value = (float)(value / radius);
        };

    /// <summary>Checks the projection size for a kind of network; returns 0 for none.</summary>
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

    /// <summary>Checks the bounds of the cell state for a kind of network.</summary>
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
/// Bounds to which an LSTM's cell state is clipped wherever it is read, as by cuDNN's CUDNN_RNN_CLIP_MINMAX: c = f clip(c before) + i g, h
/// = o tanh(clip(c)), in every layer. Initial states are also clipped where they are read; final states are returned unclipped. No gradient
/// flows back where it clips.
/// </summary>
/// <remarks>NaN remains NaN, as with CUDNN_PROPAGATE_NAN.</remarks>
/// <param name="Min">The least value, finite.</param>
/// <param name="Max">The largest value, finite and not below the least.</param>
public sealed record CellClip(float Min, float Max);
