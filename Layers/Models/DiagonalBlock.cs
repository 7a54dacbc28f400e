namespace Sequor.Layers;

/// <summary>
/// A residual block around a linear recurrence with a complex diagonal, [T, B, d] to [T, B, d]. With z = norm(x), the N complex states are
/// h_t = lambda h_{t-1} + B' z_t; then y = gelu(Re(C' h) + D z), and the output is x + mix(y), with dropout after the GELU and after the
/// mixing. Where the norm comes last, z = x and the output is norm(x + mix(y)). In both directions, the same recurrence also runs from each
/// sequence's end, and C [d, 2N] reads both: forward | reverse. <see cref="LruBlock"/> and <see cref="S5Block"/> say what lambda, B' and C'
/// are made of. The GELU is its tanh form.
/// </summary>
public abstract partial class DiagonalBlock : Layer
{
    private readonly BlockSettings _settings;
    private readonly DiagonalParameters _recurrence;
    private readonly Layer _norm;
    private readonly Linear? _out;

    private protected DiagonalBlock(
        int modelSize,
        int stateSize,
        BlockSettings options,
        Func<DiagonalSizes, DiagonalParameters> recurrence
    )
    {
        _settings = options;
        InputSize = RequirePositive(modelSize);
        StateSize = RequirePositive(stateSize);
        RequireProbability(options.Dropout, "dropout");
        int mixed = options.Mixing switch
        {
            BlockMixing.Glu => 2,
            BlockMixing.HalfGlu or BlockMixing.Linear => 1,
            BlockMixing.None => 0,
            _ => throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Mixing,
                "The mixing must be Glu, HalfGlu, Linear or None."
            ),
        };
        // For each state three numbers, and the complex rows of B and of each direction's C; for each channel the mixing, D and the norm.
        Int128 perState = 3 + 2 * (1L + Directions) * modelSize;
        Int128 perChannel = mixed * ((Int128)modelSize + 1) + 1 + 4;
        RequireValues(
            perState * stateSize + perChannel * modelSize,
            Math.Max(modelSize, stateSize),
            $"A block of {Amount.Of(modelSize, "channel")} and {Amount.Of(stateSize, "state")}",
            modelSize > stateSize ? nameof(modelSize) : nameof(stateSize)
        );
        _recurrence = recurrence(new DiagonalSizes(modelSize, stateSize, Directions));
        Parameters = _recurrence.All;
        _norm = BlockNorm.Create(options.Norm, modelSize, options.Momentum, nameof(options));
        if (mixed > 0)
            _out = new Linear(modelSize, mixed * modelSize);
        Children = _out is null ? [("norm", _norm)] : [("norm", _norm), ("out", _out)];
    }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>N, the number of complex states.</summary>
    public int StateSize { get; }

    private int Directions => _settings.Bidirectional ? 2 : 1;

    /// <summary>The probability that a value becomes zero after the GELU and after the mixing.</summary>
    public float DropoutProbability => _settings.Dropout;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        if (_settings.Bidirectional && builder.Carries)
        {
            throw new NotSupportedException(
                $"A bidirectional {_settings.Title} cannot {(builder.Streaming ? "stream" : "carry its states")}: its reverse direction begins at the end of the sequence."
            );
        }
        if (builder.Marks is { } marks && marks.MaxLength != input.First)
        {
            throw new NotSupportedException(
                $"A {_settings.Title} after pooling cannot carry its states where steps may begin anew (PlanOptions.Resets): a mark is of a step that it does not see."
            );
        }
        return new BlockPlan(this, builder, input);
    }

    // A number in the open interval (0, 1), since its logarithm is taken.
    private protected static double Draw(ref Philox random) =>
        (random.NextBits() + 0.5) / 4294967296.0;

    private protected static Parameter.Initializer Drawn(DrawOne draw) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            foreach (ref float value in values)
                value = (float)draw(ref random);
        };

    /// <summary>Draws one value.</summary>
    private protected delegate double DrawOne(ref Philox random);

    // Of rows and columns that both kinds of blocks have: B, C, D.
    private protected static DiagonalParameters Matrices(
        DiagonalForm form,
        in DiagonalSizes sizes,
        (Parameter Decay, Parameter Frequency, Parameter? Scale) state,
        double b,
        double c
    )
    {
        var rows = new Shape(sizes.States, sizes.Channels);
        var columns = new Shape(sizes.Channels, sizes.Directions * sizes.States);
        return new DiagonalParameters(form, state.Decay, state.Frequency, state.Scale)
        {
            BReal = new("B_re", rows, Parameter.Normal(b)),
            BImaginary = new("B_im", rows, Parameter.Normal(b)),
            CReal = new("C_re", columns, Parameter.Normal(c)),
            CImaginary = new("C_im", columns, Parameter.Normal(c)),
            D = new("D", new Shape(sizes.Channels), Parameter.Normal(1)),
        };
    }
}

/// <summary>What a block has around its recurrence.</summary>
/// <param name="Title">What people call the model that it is of.</param>
internal sealed record BlockSettings(string Title)
{
    public required NormKind Norm { get; init; }
    public required bool Prenorm { get; init; }
    public required float Momentum { get; init; }
    public required bool Bidirectional { get; init; }
    public required float Dropout { get; init; }
    public required bool SharedDropout { get; init; }
    public required BlockMixing Mixing { get; init; }
}
