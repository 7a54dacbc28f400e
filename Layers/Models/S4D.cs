namespace Sequor.Layers;

/// <summary>
/// A diagonal state space, [T, B, d] to [T, B, d]: each channel is a system of its own with one input, one output and N complex states,
/// each of which stands for its conjugate too.
/// <code>
/// A = -exp(log_A_real) + i A_imag,  dt = exp(log_dt)
/// x_t = exp(dt A) x_{t-1} + u_t,  y_t = 2 Re sum_n C_n (exp(dt A_n) - 1) / A_n x_t,n + D u_t
/// </code>
/// or with the bilinear rule's factors (<see cref="S4DOptions.Discretization"/>). B is 1 and part of C. There is no activation and no
/// mixing of channels: those are the block's around it (<see cref="SequenceBlock"/>). The recurrence is computed as such, in one pass in
/// which states stay in registers; no kernel of the length of a sequence is made. Source: Gu, Gupta, Goel, Ré 2022, On the
/// Parameterization and Initialization of Diagonal State Space Models, sections 3 and 4. Names are those of S4DKernel in the authors'
/// s4d.py (state-spaces/s4).
/// </summary>
public sealed class S4D : Layer
{
    private readonly StateSpaceParts _parts;

    /// <summary>Makes a layer.</summary>
    /// <param name="modelSize">d, the number of channels, at least 1.</param>
    /// <param name="stateSize">N, complex states of each channel, half of the number that papers count; at least 1.</param>
    /// <param name="options">First eigenvalues, rule, directions and steps; null for the usual ones.</param>
    /// <exception cref="ArgumentException">
    /// A size or an option is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public S4D(int modelSize, int stateSize = 32, S4DOptions? options = null)
    {
        Options = options ?? new S4DOptions();
        InputSize = RequirePositive(modelSize);
        StateSize = RequirePositive(stateSize);
        StateSpaceStart.RequireSteps(Options.MinStep, Options.MaxStep, nameof(options));
        StateSpaceRule rule = Options.Discretization switch
        {
            Discretization.ZeroOrderHold => StateSpaceRule.ZeroOrderHold,
            Discretization.Bilinear => StateSpaceRule.Bilinear,
            _ => throw new ArgumentOutOfRangeException(
                nameof(options),
                Options.Discretization,
                "The discretization must be ZeroOrderHold or Bilinear."
            ),
        };
        if (!Enum.IsDefined(Options.Initialization))
            throw new ArgumentOutOfRangeException(
                nameof(options),
                Options.Initialization,
                "The initialization must be Inv, Lin, LegS or Real."
            );
        int directions = Options.Bidirectional ? 2 : 1;
        RequireValues(
            (Int128)modelSize * (2 + 2 * (1 + (Int128)directions) * stateSize),
            Math.Max(modelSize, stateSize),
            $"An S4D of {Amount.Of(modelSize, "channel")} and {Amount.Of(stateSize, "state")}",
            modelSize > stateSize ? nameof(modelSize) : nameof(stateSize)
        );
        // LegS of many states takes long, so its eigenvalues are found when they are first asked for.
        var modes = new Lazy<(double Decay, double Frequency, double Scale)[]>(() =>
            StateSpaceStart.Modes(Options.Initialization, stateSize)
        );
        var states = new Shape(modelSize, stateSize);
        _parts = new StateSpaceParts
        {
            Channels = modelSize,
            StateSize = stateSize,
            Form = new StateSpaceForm(rule, 2, 0),
            Directions = directions,
            LogStep = new Parameter(
                "log_dt",
                new Shape(modelSize),
                StateSpaceStart.Steps(Options.MinStep, Options.MaxStep)
            ),
            // S4DKernel's has the parts of a number as its last size, and of two directions two such tensors.
            C = new Parameter(
                "C",
                new Shape(directions * modelSize, stateSize, 2),
                (
                    ref Philox random,
                    Span<float> values,
                    IReadOnlyDictionary<Parameter, float[]> _
                ) =>
                {
                    for (int i = 0; i < values.Length; i++)
                        values[i] = (float)(
                            modes.Value[i / 2 % stateSize].Scale
                            * Math.Sqrt(0.5)
                            * random.NextNormal()
                        );
                }
            ),
            Real = new Parameter(
                "log_A_real",
                states,
                StateSpaceStart.Repeat(n => Math.Log(modes.Value[n].Decay), stateSize)
            ),
            Imaginary = new Parameter(
                "A_imag",
                states,
                StateSpaceStart.Repeat(n => modes.Value[n].Frequency, stateSize)
            ),
            D = new Parameter("D", new Shape(modelSize), Parameter.Normal(1)),
        };
        Parameters = [_parts.LogStep, _parts.C, _parts.Real, _parts.Imaginary, _parts.D];
    }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>N, the complex states of each channel.</summary>
    public int StateSize { get; }

    /// <summary>First eigenvalues, rule, directions and steps.</summary>
    public S4DOptions Options { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>
    /// The parameters, in all S4D layers of a model, that the authors train at a rate of their own and without weight decay: log_dt,
    /// log_A_real and A_imag.
    /// </summary>
    /// <param name="rateFactor">The factor of the learning rate; theirs is 1e-3 beside rates from 1e-3 to 1e-2.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative or not finite.</exception>
    public static ParameterGroup Recurrence(float rateFactor) =>
        new(
            named => named.Parameter.Name is "log_dt" or "log_A_real" or "A_imag",
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
        {
            throw new NotSupportedException(
                "A bidirectional S4D cannot stream: its reverse direction begins at the end of the sequence."
            );
        }
        return new StateSpacePlan(_parts, builder, input);
    }
}
