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
        int moments,
        IReadOnlyList<ParameterGroup>? groups
    )
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.RequireLive();
        if (plan.Mode != Mode.Training)
            throw new ArgumentException(
                "An optimizer needs a plan made for Mode.Training.",
                nameof(plan)
            );
        RequireRate(learningRate, nameof(learningRate));
        using OwnerScope inside = plan.Backend.Enter("new Optimizer");
        Groups = new GroupedParameters(plan.Store, groups ?? []);
        Plan = plan;
        Backend backend = plan.Backend;
        _moments = new Storage[moments];
        try
        {
            _state = backend.Allocate(OptimizerUpdate.StateLength, MemoryCategory.Optimizer);
            backend.Fill(State, 0f);
            for (int i = 0; i < moments; i++)
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

    /// <summary>Puts the norm of the last step's gradients into a tensor of one value, without waiting for it.</summary>
    internal void CopyNormTo(Tensor destination) =>
        Plan.Backend.Copy(State.Slice(OptimizerUpdate.Norm, 1), destination);

    /// <summary>Which parameters change at another rate, or do not decay.</summary>
    internal GroupedParameters Groups { get; }

    internal Tensor State => new(_state, 0, new Shape(OptimizerUpdate.StateLength));

    /// <summary>What a checkpoint keeps of it: all but the norm to clip at, which is the caller's.</summary>
    internal Tensor SavedState => State.Slice(0, OptimizerUpdate.SavedLength);

    internal bool IsDisposed => _state.IsFreed;

    /// <summary>The rule's name in checkpoints: sgd, rmsprop, adam or adamw.</summary>
    public abstract string Name { get; }

    /// <summary>What the state of each parameter is called in checkpoints.</summary>
    internal abstract IReadOnlyList<string> MomentNames { get; }

    internal Tensor Moment(int index) => Plan.Store.Block(_moments[index]!);

    /// <summary>The state of one parameter.</summary>
    internal Tensor Moment(int index, Parameter parameter) =>
        ParameterStore.View(_moments[index]!, parameter);

    private protected Tensor MomentOrNone(int index) =>
        index < _moments.Length ? Moment(index) : default;

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

    internal abstract OptimizerUpdate Update();

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

/// <summary>Stochastic gradient descent, with momentum where it is above 0: m = momentum m + g, p -= rate m.</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">Finite, at least 0.</param>
/// <param name="momentum">At least 0, below 1.</param>
/// <param name="groups">Parameters that change at another rate; null for none.</param>
public sealed class Sgd(
    Plan plan,
    float learningRate,
    float momentum = 0f,
    IReadOnlyList<ParameterGroup>? groups = null
) : Optimizer(plan, learningRate, momentum > 0 ? 1 : 0, groups)
{
    private readonly float _momentum = RequireFraction(momentum);

    /// <inheritdoc/>
    public override string Name => "sgd";

    internal override IReadOnlyList<string> MomentNames => _momentum > 0 ? ["momentum"] : [];

    internal override OptimizerUpdate Update() =>
        new()
        {
            Rule = OptimizerRule.Sgd,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = MomentOrNone(0),
            State = State,
            Segments = Groups.Segments,
            Beta1 = _momentum,
        };
}

/// <summary>RMSProp: v = a v + (1 - a) g^2, p -= rate g / (sqrt(v) + epsilon).</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">Finite, at least 0.</param>
/// <param name="smoothing">a: at least 0, below 1.</param>
/// <param name="epsilon">Above 0.</param>
/// <param name="groups">Parameters that change at another rate; null for none.</param>
public sealed class RmsProp(
    Plan plan,
    float learningRate,
    float smoothing = 0.99f,
    float epsilon = 1e-8f,
    IReadOnlyList<ParameterGroup>? groups = null
) : Optimizer(plan, learningRate, 1, groups)
{
    private readonly float _smoothing = RequireFraction(smoothing);
    private readonly float _epsilon = RequirePositive(epsilon);

    /// <inheritdoc/>
    public override string Name => "rmsprop";

    internal override IReadOnlyList<string> MomentNames => ["mean_square"];

    internal override OptimizerUpdate Update() =>
        new()
        {
            Rule = OptimizerRule.RmsProp,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = Moment(0),
            State = State,
            Segments = Groups.Segments,
            Beta1 = _smoothing,
            Epsilon = _epsilon,
        };
}

/// <summary>Adam with bias correction, as PyTorch: p -= rate m' / (sqrt(v') + epsilon).</summary>
/// <param name="plan">A training plan.</param>
/// <param name="learningRate">Finite, at least 0.</param>
/// <param name="beta1">Smoothing of the mean: at least 0, below 1.</param>
/// <param name="beta2">Smoothing of the mean square: at least 0, below 1.</param>
/// <param name="epsilon">Above 0.</param>
/// <param name="groups">Parameters that change at another rate; null for none.</param>
public sealed class Adam(
    Plan plan,
    float learningRate,
    float beta1 = 0.9f,
    float beta2 = 0.999f,
    float epsilon = 1e-8f,
    IReadOnlyList<ParameterGroup>? groups = null
) : Optimizer(plan, learningRate, 2, groups)
{
    private readonly float _beta1 = RequireFraction(beta1);
    private readonly float _beta2 = RequireFraction(beta2);
    private readonly float _epsilon = RequirePositive(epsilon);

    /// <inheritdoc/>
    public override string Name => "adam";

    internal override IReadOnlyList<string> MomentNames => ["mean", "mean_square"];

    internal override OptimizerUpdate Update() =>
        new()
        {
            Rule = OptimizerRule.Adam,
            Parameters = Plan.Parameters,
            Gradients = Plan.Gradients,
            First = Moment(0),
            Second = Moment(1),
            State = State,
            Segments = Groups.Segments,
            Beta1 = _beta1,
            Beta2 = _beta2,
            Epsilon = _epsilon,
        };
}
