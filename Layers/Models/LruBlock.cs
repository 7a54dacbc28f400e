namespace Sequor.Layers;

/// <summary>
/// One block of an LRU, [T, B, d] to [T, B, d]. With z = norm(x), the states are h_t = lambda h_{t-1} + exp(gamma_log) B z_t, complex and
/// diagonal, lambda = exp(-exp(nu_log) + i exp(theta_log)); then y = gelu(Re(C h) + D z), and the output is x + out1(y) sigmoid(out2(y)),
/// with dropout after the GELU and after the gate. Without <see cref="LruOptions.Prenorm"/>, z = x and the output is norm(x + out1(y)
/// sigmoid(out2(y))). In both directions, the same recurrence also runs from each sequence's end, and C [d, 2N] reads both: forward |
/// reverse. Source: Orvieto et al. (2023), section 3; the GELU is the tanh form, as in minimal-LRU, an unofficial implementation of the
/// paper.
/// </summary>
public sealed partial class LruBlock : Layer
{
    private readonly Layer _norm;
    private readonly Parameter _nu;
    private readonly Parameter _theta;
    private readonly Parameter _gamma;
    private readonly Parameter _bReal;
    private readonly Parameter _bImaginary;
    private readonly Parameter _cReal;
    private readonly Parameter _cImaginary;
    private readonly Parameter _d;
    private readonly Linear _out;

    /// <summary>Makes a block.</summary>
    /// <param name="modelSize">d, the number of input and output channels, at least 1.</param>
    /// <param name="stateSize">N, the number of complex states, at least 1.</param>
    /// <param name="dropout">The probability of dropout: at least 0, below 1.</param>
    /// <param name="ring">The ring in which the eigenvalues begin; null for the default one.</param>
    /// <exception cref="ArgumentException">
    /// A size, the probability or the ring is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public LruBlock(int modelSize, int stateSize, float dropout = 0f, LruRing? ring = null)
        : this(
            modelSize,
            stateSize,
            new LruOptions { Dropout = dropout, Ring = ring ?? new LruRing() }
        ) { }

    /// <summary>Makes a block with options.</summary>
    /// <param name="modelSize">d, the number of input and output channels, at least 1.</param>
    /// <param name="stateSize">N, the number of complex states, at least 1.</param>
    /// <param name="options">Norm, directions, dropout and ring.</param>
    /// <exception cref="ArgumentException">
    /// A size or an option is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public LruBlock(int modelSize, int stateSize, LruOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
        InputSize = RequirePositive(modelSize);
        StateSize = RequirePositive(stateSize);
        RequireProbability(options.Dropout, "dropout");
        LruRing start = options.Ring;
        start.Validate();
        // For each state nu, theta, gamma and the complex rows of B and of each direction's C; for each channel the gates, D and the norm.
        Int128 perState = 3 + 2 * (1L + Directions) * modelSize;
        Int128 perChannel = 2 * (Int128)modelSize + 3 + 4;
        RequireValues(
            perState * stateSize + perChannel * modelSize,
            Math.Max(modelSize, stateSize),
            $"A block of {Amount.Of(modelSize, "channel")} and {Amount.Of(stateSize, "state")}",
            modelSize > stateSize ? nameof(modelSize) : nameof(stateSize)
        );
        var states = new Shape(stateSize);
        var b = new Shape(stateSize, modelSize);
        var c = new Shape(modelSize, Directions * stateSize);
        double min = start.MinRadius * start.MinRadius;
        double max = start.MaxRadius * start.MaxRadius;
        _nu = new(
            "nu_log",
            states,
            (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
            {
                foreach (ref float value in values)
                {
                    // On a narrow ring up to 1, a draw could be rounded to 1, whose logarithm is 0.
                    double square = Math.Min(Draw(ref random) * (max - min) + min, LargestDraw);
                    value = (float)Math.Log(-0.5 * Math.Log(square));
                }
            }
        );
        _theta = new(
            "theta_log",
            states,
            (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
            {
                foreach (ref float value in values)
                    value = (float)Math.Log(start.MaxPhase * Draw(ref random));
            }
        );
        _gamma = new(
            "gamma_log",
            states,
            (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> drawn) =>
            {
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)(
                        0.5 * Math.Log(1 - Math.Exp(-2 * Math.Exp(drawn[_nu!][i])))
                    );
            }
        );
        _bReal = new("B_re", b, Parameter.Normal(1 / Math.Sqrt(2.0 * modelSize)));
        _bImaginary = new("B_im", b, Parameter.Normal(1 / Math.Sqrt(2.0 * modelSize)));
        _cReal = new("C_re", c, Parameter.Normal(1 / Math.Sqrt(stateSize)));
        _cImaginary = new("C_im", c, Parameter.Normal(1 / Math.Sqrt(stateSize)));
        _d = new("D", new Shape(modelSize), Parameter.Normal(1));
        Parameters = [_nu, _theta, _gamma, _bReal, _bImaginary, _cReal, _cImaginary, _d];
        _norm = BlockNorm.Create(options.Norm, modelSize, options.Momentum, nameof(options));
        _out = new Linear(modelSize, 2 * modelSize);
        Children = [("norm", _norm), ("out", _out)];
    }

    private const double LargestDraw = (uint.MaxValue + 0.5) / 4294967296.0;

    // A number in the open interval (0, 1), since its logarithm is taken.
    private static double Draw(ref Philox random) => (random.NextBits() + 0.5) / 4294967296.0;

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>N, the number of complex states.</summary>
    public int StateSize { get; }

    private int Directions => Options.Bidirectional ? 2 : 1;

    /// <summary>Norm, directions, dropout and ring.</summary>
    public LruOptions Options { get; }

    /// <summary>The probability that a value becomes zero after the GELU and after the gate.</summary>
    public float DropoutProbability => Options.Dropout;

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
        if (Options.Bidirectional && builder.Streaming)
        {
            throw new NotSupportedException(
                "A bidirectional LRU cannot stream: its reverse direction begins at the end of the sequence."
            );
        }
        return new BlockPlan(this, builder, input);
    }
}
