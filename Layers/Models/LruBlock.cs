namespace Sequor.Layers;

/// <summary>
/// One block: z = norm(x); states h_t = lambda h_{t-1} + exp(gamma_log) B z_t, complex and diagonal;
/// y = gelu(Re(C h) + D z); x + out1(y) sigmoid(out2(y)), with dropout after the gelu and after the gate.
/// Or z = x, and norm(x + out1(y) sigmoid(out2(y))). lambda = exp(-exp(nu_log) + i exp(theta_log)). In both directions, the
/// same recurrence runs from each sequence's end as well, and C [d, 2N] sees both: forward | reverse. Source: Orvieto et
/// al. (2023), section 3; the gelu is the tanh form, as in minimal-LRU, an unofficial implementation of the paper.
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

    /// <summary>A block.</summary>
    /// <param name="modelSize">Channels in and out, at least 1.</param>
    /// <param name="stateSize">Complex states, at least 1.</param>
    /// <param name="dropout">At least 0, below 1.</param>
    /// <param name="ring">Where the eigenvalues begin.</param>
    /// <exception cref="ArgumentException">
    /// A size, the probability or the ring is out of range, or the sizes come to more than <see cref="Layer.MostValues"/>
    /// values.
    /// </exception>
    public LruBlock(int modelSize, int stateSize, float dropout = 0f, LruRing? ring = null)
        : this(
            modelSize,
            stateSize,
            new LruOptions { Dropout = dropout, Ring = ring ?? new LruRing() }
        ) { }

    /// <summary>A block with options.</summary>
    /// <param name="modelSize">Channels in and out, at least 1.</param>
    /// <param name="stateSize">Complex states, at least 1.</param>
    /// <param name="options">Norm, dropout, ring.</param>
    /// <exception cref="ArgumentException">
    /// A size or an option is out of range, or the sizes come to more than <see cref="Layer.MostValues"/> values.
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
        // nu, theta, gamma; B, and C of each direction, complex; D; the gates; the norm.
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
                    // Rounded, a draw from a narrow ring up to 1 could come to 1, whose logarithm is 0.
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
        _norm = LruOptions.CreateNorm(options, modelSize);
        _out = new Linear(modelSize, 2 * modelSize);
        Children = [("norm", _norm), ("out", _out)];
    }

    private const double LargestDraw = (uint.MaxValue + 0.5) / 4294967296.0;

    // In (0, 1): a logarithm is taken of it.
    private static double Draw(ref Philox random) => (random.NextBits() + 0.5) / 4294967296.0;

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>Complex states.</summary>
    public int StateSize { get; }

    private int Directions => Options.Bidirectional ? 2 : 1;

    /// <summary>Norm, dropout, ring.</summary>
    public LruOptions Options { get; }

    /// <summary>Probability that a value becomes zero after the gelu and after the gate.</summary>
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
