namespace Sequor.Layers;

/// <summary>
/// A diagonal state space, [T, B, d] to [T, B, d], whose N complex eigenvalues Lambda are shared by all channels. Each channel has its own
/// steps, one for the real and one for the imaginary part, and weights W; states have no conjugates.
/// <code>
/// z_n = dt_re Re Lambda_n + i dt_im Im Lambda_n,  dt = exp(log_dt)
/// x_t = exp(z) x_{t-1} + u_t,  y_t = Re sum_n W_n k_n x_t,n + D u_t
/// exp:      k = (exp(z) - 1) / Lambda,  Re Lambda = -exp(Lambda_log_neg_re)
/// softmax:  k = 1 / (Lambda sum over r &lt; R of exp(z r)),  R being the steps of the batch or <see cref="DssOptions.Length"/>
/// </code>
/// Where Re z &gt; 0, which training can bring about in the softmax alone, all its exponents are less by z (R - 1); 1 / x is conj(x) / (|x|^2
/// + 1e-7). States then grow by exp(Re z) a step, and beyond exp(88) over a sequence they overflow, which training tells as a loss that
/// is not finite. There is no activation and no mixing of channels: those are the block's around it (<see cref="SequenceBlock"/>). Source:
/// Gupta, Gu, Berant 2022, Diagonal State Spaces are as Effective as Structured State Spaces, section 3. Names are those of DSSKernel in
/// the authors' dss.py (ag1988/dss), but that the softmax's Lambda [N, 2] is Lambda_re and Lambda_im here.
/// </summary>
public sealed class Dss : Layer
{
    private readonly StateSpaceParts _parts;

    /// <summary>Makes a layer.</summary>
    /// <param name="modelSize">d, the number of channels, at least 1.</param>
    /// <param name="stateSize">N, complex states of each channel, at least 1.</param>
    /// <param name="options">Kernel, directions and steps; null for the usual ones.</param>
    /// <exception cref="ArgumentException">
    /// A size or an option is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Dss(int modelSize, int stateSize = 64, DssOptions? options = null)
    {
        Options = options ?? new DssOptions();
        InputSize = RequirePositive(modelSize);
        StateSize = RequirePositive(stateSize);
        StateSpaceStart.RequireSteps(Options.MinStep, Options.MaxStep, nameof(options));
        StateSpaceRule rule = Options.Kernel switch
        {
            DssKernel.Softmax => StateSpaceRule.Softmax,
            DssKernel.Exp => StateSpaceRule.ZeroOrderHold,
            _ => throw new ArgumentOutOfRangeException(
                nameof(options),
                Options.Kernel,
                "The kernel must be Softmax or Exp."
            ),
        };
        if (Options.Length is < 1)
            throw new ArgumentOutOfRangeException(
                nameof(options),
                Options.Length,
                "The steps of the softmax must be at least 1."
            );
        int directions = Options.Bidirectional ? 2 : 1;
        RequireValues(
            (Int128)modelSize * (3 + 2 * (Int128)directions * stateSize) + 2 * (Int128)stateSize,
            Math.Max(modelSize, stateSize),
            $"A DSS of {Amount.Of(modelSize, "channel")} and {Amount.Of(stateSize, "state")}",
            modelSize > stateSize ? nameof(modelSize) : nameof(stateSize)
        );
        var frequencies = new Lazy<double[]>(() =>
            [.. HippoSpectrum.Frequencies(stateSize).Reverse()]
        );
        bool stable = rule != StateSpaceRule.Softmax;
        var states = new Shape(stateSize);
        _parts = new StateSpaceParts
        {
            Channels = modelSize,
            StateSize = stateSize,
            Form = new StateSpaceForm(rule, 1, Options.Length ?? 0),
            Directions = directions,
            LogStep = new Parameter(
                "log_dt",
                new Shape(modelSize, 2),
                (
                    ref Philox random,
                    Span<float> values,
                    IReadOnlyDictionary<Parameter, float[]> drawn
                ) =>
                {
                    // Both steps of a channel begin alike.
                    Span<float> each = values[..(values.Length / 2)];
                    StateSpaceStart.Steps(Options.MinStep, Options.MaxStep)(
                        ref random,
                        each,
                        drawn
                    );
                    for (int i = each.Length - 1; i >= 0; i--)
                        values[2 * i] = values[2 * i + 1] = each[i];
                }
            ),
            Real = new Parameter(
                stable ? "Lambda_log_neg_re" : "Lambda_re",
                states,
                Parameter.Constant(stable ? (float)Math.Log(0.5) : -0.5f)
            ),
            Imaginary = new Parameter(
                "Lambda_im",
                states,
                StateSpaceStart.Repeat(n => frequencies.Value[n], stateSize)
            ),
            C = new Parameter(
                "W",
                new Shape(directions * modelSize, stateSize, 2),
                Parameter.Normal(1)
            ),
            D = new Parameter("D", new Shape(modelSize), Parameter.Normal(1)),
        };
        Parameters = [_parts.LogStep, _parts.Real, _parts.Imaginary, _parts.C, _parts.D];
    }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>N, the complex states of each channel.</summary>
    public int StateSize { get; }

    /// <summary>Kernel, directions and steps.</summary>
    public DssOptions Options { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>
    /// The parameters, in all DSS layers of a model, that the authors train at a rate of their own and without weight decay: log_dt, Lambda
    /// and W.
    /// </summary>
    /// <param name="rateFactor">The factor of the learning rate; theirs is 1e-3 beside rates from 1e-3 to 1e-2.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative or not finite.</exception>
    public static ParameterGroup Recurrence(float rateFactor) =>
        new(
            named =>
                named.Parameter.Name
                    is "log_dt"
                        or "Lambda_log_neg_re"
                        or "Lambda_re"
                        or "Lambda_im"
                        or "W",
            rateFactor,
            decays: false
        );

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        if (Options.Bidirectional && builder.Streaming)
            throw new NotSupportedException(
                "A bidirectional DSS cannot stream: its reverse direction begins at the end of the sequence."
            );
        if (Options.Kernel == DssKernel.Softmax && Options.Length is null && builder.Streaming)
            throw new NotSupportedException(
                "A DSS whose softmax is over the steps of each batch cannot stream: a stream has no length. It can with DssOptions.Length, or with the kernel Exp."
            );
        return new StateSpacePlan(_parts, builder, input);
    }
}
