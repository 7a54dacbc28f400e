using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// Changes a plan's parameters by their gradients, all in one operation. Learning rate and step count live where the step
/// runs. A step whose gradients' norm is not finite changes nothing and is counted in <see cref="SkippedSteps"/>.
/// </summary>
public abstract class Optimizer : IDisposable
{
    private const string ClipWithin =
        "a norm to clip at that is given to Step cannot be part of a captured step: set MaxGradientNorm before it";

    private readonly Storage _state;
    private readonly Storage?[] _moments;
    private readonly Storage? _segments;
    private float _learningRate;
    private bool _disposed;
    private float _maxGradientNorm;

    private protected Optimizer(
        Plan plan,
        float learningRate,
        UpdateRule rule,
        IReadOnlyList<ParameterGroup>? groups
    )
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.RequireLive();
        rule.Require();
        if (plan.Mode != Mode.Training)
            throw new ArgumentException(
                "An optimizer needs a plan made for Mode.Training.",
                nameof(plan)
            );
        RequireRate(learningRate, nameof(learningRate));
        using OwnerScope inside = plan.Backend.Enter("new Optimizer");
        Groups = new GroupedParameters(plan.Store, groups ?? []);
        Plan = plan;
        Rule = rule;
        Backend backend = plan.Backend;
        _moments = new Storage[MomentNames.Count];
        try
        {
            _state = backend.Allocate(OptimizerUpdate.StateLength, MemoryCategory.Optimizer);
            backend.Fill(State, 0f);
            for (int i = 0; i < _moments.Length; i++)
            {
                _moments[i] = backend.Allocate(plan.Parameters.Count, MemoryCategory.Optimizer);
                backend.Fill(Moment(i), 0f);
            }
            _segments = backend.PlaceSegments(Groups.Segments);
            LearningRate = learningRate;
            MaxGradientNorm = float.PositiveInfinity;
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>The plan whose parameters change.</summary>
    public Plan Plan { get; }

    /// <summary>The rate of the next steps; a finite number of at least 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The rate is negative or not finite.</exception>
    public float LearningRate
    {
        get
        {
            RequireLive();
            return _learningRate;
        }
        set
        {
            RequireLive();
            RequireRate(value, nameof(value));
            using OwnerScope inside = Plan.Backend.Enter("Optimizer.LearningRate");
            State.Slice(OptimizerUpdate.LearningRate, 1).Write([value]);
            _learningRate = value;
        }
    }

    /// <summary>
    /// Largest norm of all gradients together at the next steps, to which they are scaled down; infinity, as at first, for no
    /// clipping. It lies where the step runs, so that a step which was recorded goes by it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The norm is not above 0.</exception>
    public float MaxGradientNorm
    {
        get
        {
            RequireLive();
            return _maxGradientNorm;
        }
        set
        {
            RequireLive();
            RequireNorm(value, nameof(value));
            if (value == _maxGradientNorm)
                return;
            using OwnerScope inside = Plan.Backend.Enter("Optimizer.MaxGradientNorm");
            State.Slice(OptimizerUpdate.MaxNorm, 1).Write([value]);
            _maxGradientNorm = value;
        }
    }

    /// <summary>Steps skipped because of a gradient norm that is not finite; reading it waits for the device.</summary>
    public int SkippedSteps => (int)ReadState(OptimizerUpdate.Skipped);

    /// <summary>Norm of all gradients at the last step, before clipping; reading it waits for the device.</summary>
    public float GradientNorm => ReadState(OptimizerUpdate.Norm);

    /// <summary>Which parameters change at another rate, or do not decay.</summary>
    internal GroupedParameters Groups { get; }

    internal Tensor State => new(_state, 0, new Shape(OptimizerUpdate.StateLength));

    /// <summary>What a checkpoint keeps of it: all but the norm to clip at, which is the caller's.</summary>
    internal Tensor SavedState => State.Slice(0, OptimizerUpdate.SavedLength);

    internal bool IsDisposed => _state.IsFreed;

    /// <summary>The optimizer's name in checkpoints.</summary>
    public abstract string Name { get; }

    /// <summary>How parameters follow gradients.</summary>
    internal UpdateRule Rule { get; }

    /// <summary>
    /// The constants of the rule for checkpoints: one with others is not resumed. Floats are in the shortest form that reads back
    /// as the same bits.
    /// </summary>
    internal abstract string Settings { get; }

    /// <summary>What the state of each parameter is called in checkpoints: that of the mean, then that of the mean square.</summary>
    internal IReadOnlyList<string> MomentNames =>
        [
            .. Rule.HasMean ? (string[])[MeanName] : [],
            .. Rule.HasMeanSquare ? (string[])["mean_square"] : [],
        ];

    private protected virtual string MeanName => "mean";

    internal Tensor Moment(int index) => Plan.Store.Block(_moments[index]!);

    /// <summary>The state of one parameter.</summary>
    internal Tensor Moment(int index, Parameter parameter) =>
        ParameterStore.View(_moments[index]!, parameter);

    /// <summary>Changes the parameters, by gradients that are clipped at <see cref="MaxGradientNorm"/>.</summary>
    /// <exception cref="ObjectDisposedException">The optimizer, its plan, the model or the backend was disposed.</exception>
    public void Step()
    {
        using OwnerScope inside = Plan.Backend.Enter("Optimizer.Step");
        RequireLive();
        var call = new StepCall(StepCallKind.Update, this);
        if (Plan.Backend.PutsOff(call, out _))
            return;
        Plan.Backend.Optimize(Update() with { PlacedSegments = _segments });
        Plan.Backend.Queued(call);
    }

    /// <summary>Sets <see cref="MaxGradientNorm"/>, and changes the parameters.</summary>
    /// <param name="clip">Largest norm of all gradients together, from now on.</param>
    /// <exception cref="ArgumentOutOfRangeException">The norm is not above 0.</exception>
    public void Step(float clip)
    {
        using OwnerScope inside = Plan.Backend.Enter("Optimizer.Step");
        RequireLive();
        RequireNorm(clip, nameof(clip));
        SetWithinStep(clip);
        Step();
    }

    // In a step that is recorded the norm would be set each time that it is replayed, and not at all by a caller's graph.
    private void SetWithinStep(float norm)
    {
        Backend backend = Plan.Backend;
        StepTracer? tracer = backend.Tracer;
        bool changes = norm != _maxGradientNorm;
        if ((tracer is null || changes) && backend.IsRecording)
            throw new NotRecordableException(ClipWithin);
        if (!changes)
            return;
        if (tracer is { IsPuttingOff: true })
            tracer.Stop(ClipWithin);
        // Where no call is put off it is as if it had been set before the step.
        backend.Tracer = null;
        try
        {
            MaxGradientNorm = norm;
        }
        finally
        {
            backend.Tracer = tracer;
        }
    }

    /// <summary>One step, by the segments as the host has them.</summary>
    internal OptimizerUpdate Update() =>
        new()
        {
            Rule = Rule,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = Rule.HasMean ? Moment(0) : default,
            Second = Rule.HasMeanSquare ? Moment(_moments.Length - 1) : default,
            State = State,
            Segments = Groups.Segments,
        };

    private protected static string Text(FormattableString settings) =>
        settings.ToString(CultureInfo.InvariantCulture);

    private float ReadState(int index)
    {
        RequireLive();
        Span<float> state = stackalloc float[OptimizerUpdate.StateLength];
        State.Read(state);
        return state[index];
    }

    private static void RequireNorm(float value, string name)
    {
        if (!(value > 0))
            throw new ArgumentOutOfRangeException(name, value, "The largest norm must be above 0.");
    }

    private static void RequireRate(float value, string name)
    {
        if (!(value >= 0 && float.IsFinite(value)))
            throw new ArgumentOutOfRangeException(
                name,
                value,
                "A learning rate must be finite and at least 0."
            );
    }

    private protected static float RequireFraction(
        float value,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(value))]
            string? name = null
    )
    {
        if (!(value >= 0 && value < 1))
            throw new ArgumentOutOfRangeException(name, value, "Must be at least 0 and below 1.");
        return value;
    }

    private protected static float RequirePositive(
        float value,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(value))]
            string? name = null
    )
    {
        if (!(value > 0 && float.IsFinite(value)))
            throw new ArgumentOutOfRangeException(name, value, "Must be finite and above 0.");
        return value;
    }

    private void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Plan.RequireLive();
    }

    /// <summary>Frees the optimizer's state; a second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = Plan.Backend.Enter("Optimizer.Dispose");
        if (_disposed)
            return;
        _disposed = true;
        Free();
        GC.SuppressFinalize(this);
    }

    // Also what there is of an optimizer that could not be made.
    private void Free()
    {
        _state?.Dispose();
        _segments?.Dispose();
        foreach (Storage? moment in _moments)
            moment?.Dispose();
    }
}
