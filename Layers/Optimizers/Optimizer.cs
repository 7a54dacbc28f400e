namespace Sequor.Layers;

/// <summary>
/// Changes a plan's parameters by their gradients. A step whose gradients have a norm that is not finite changes nothing and is counted in
/// <see cref="SkippedSteps"/>.
/// </summary>
/// <remarks>
/// <para>
/// To add an update rule, derive from this class: name the state that the rule keeps of each parameter, give its settings for
/// checkpoints, and write <see cref="Update"/>, by operations of tensors or by code of your own on the memory of
/// <see cref="Layers.Plan.Parameters"/>, <see cref="Layers.Plan.Gradients"/> and <see cref="StateOf"/>. The gradients are clipped
/// before Update is called, and it is not called if they are not finite. To know that, each step waits for the device, so such a
/// step cannot be part of a CUDA graph.
/// </para>
/// <para>
/// The rules of this library update all parameters in one operation (<see cref="FusedOptimizer"/>), which does not wait for the
/// device.
/// </para>
/// </remarks>
public abstract partial class Optimizer : IDisposable
{
    private const string ClipWithin =
        "a norm to clip at that is given to Step cannot be part of a captured step: set MaxGradientNorm before it";

    private readonly List<Storage> _owned = [];
    private readonly Storage _state;
    private readonly Storage[] _moments;
    private float _learningRate;
    private bool _disposed;
    private float _maxGradientNorm;

    private protected Optimizer(
        Plan plan,
        float learningRate,
        IReadOnlyList<string> state,
        bool clips
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
        RequireNames(state);
        using OwnerScope inside = plan.Backend.Enter("new Optimizer");
        using Backend.OwnedScope owned = plan.Backend.AllocateFor(
            new MemoryOwner(plan.MemoryGroup, ProfiledOperation.OptimizerLayer)
        );
        Plan = plan;
        Backend backend = plan.Backend;
        _names = [.. state];
        _moments = new Storage[_names.Length];
        try
        {
            backend.Prepare(OperationKind.Update);
            _state = Own(backend.Allocate(OptimizerUpdate.StateLength, MemoryCategory.Optimizer));
            backend.Fill(State, 0f);
            for (int i = 0; i < _moments.Length; i++)
            {
                // Laid out as the parameters are.
                using Backend.OwnedScope moment = backend.AllocateFor(
                    new MemoryOwner(plan.MemoryGroup, StateNames[i], shares: plan.Store.Shares)
                );
                _moments[i] = Own(
                    backend.Allocate(plan.Parameters.Count, MemoryCategory.Optimizer)
                );
                backend.Fill(Moment(i), 0f);
            }
            if (clips)
                _clip = new GradientClip(plan, Own);
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

    /// <summary>The learning rate of the next steps, finite and at least 0.</summary>
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
    /// The largest norm of all gradients together in the next steps, above 0; larger gradients are scaled down to it. Infinity, the initial
    /// value, means no clipping. It lies in the backend's memory, so that a recorded step reads the current value.
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

    /// <summary>The number of steps skipped because the norm of the gradients was not finite. Reading it waits for the device.</summary>
    public int SkippedSteps => (int)ReadState(OptimizerUpdate.Skipped);

    /// <summary>The norm of all gradients at the last step, before clipping. Reading it waits for the device.</summary>
    public float GradientNorm => ReadState(OptimizerUpdate.Norm);

    /// <summary>Copies the norm of the last step's gradients to a tensor of one value, without waiting for it.</summary>
    internal void CopyNormTo(Tensor destination) =>
        Plan.Backend.Copy(State.Slice(OptimizerUpdate.Norm, 1), destination);

    internal Tensor State => new(_state, 0, new Shape(OptimizerUpdate.StateLength));

    /// <summary>What a checkpoint stores of the state: all but the norm to clip at, which the caller sets.</summary>
    internal Tensor SavedState => State.Slice(0, OptimizerUpdate.SavedLength);

    internal bool IsDisposed => _state.IsFreed;

    /// <summary>The rule's name in checkpoints, such as sgd, rmsprop, adam or adamw, or the name of a custom rule.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// What determines the updates besides learning rate and clipping, as in "momentum 0.9"; empty for nothing. A checkpoint with other
    /// settings is refused.
    /// </summary>
    public abstract string Settings { get; }

    internal Tensor Moment(int index) => Plan.Store.Block(_moments[index]);

    /// <summary>The state of one parameter.</summary>
    internal Tensor Moment(int index, Parameter parameter) =>
        ParameterStore.View(_moments[index], parameter);

    /// <summary>Changes the parameters by the gradients, clipped at <see cref="MaxGradientNorm"/>.</summary>
    /// <exception cref="ObjectDisposedException">The optimizer, its plan, the model or the backend was disposed.</exception>
    public void Step()
    {
        using OwnerScope inside = Plan.Backend.Enter("Optimizer.Step");
        RequireLive();
        // A step that is put off is replayed without this library's operations.
        Plan.Store.NoteChange();
        var call = new StepCall(StepCallKind.Update, this);
        if (Plan.Backend.PutsOff(call, out _))
            return;
        using (Plan.Backend.BeginPass(ProfilePass.Update, this))
        {
            if (_clip is null || IsToUpdate(_clip))
                Update();
        }
        Plan.Backend.Queued(call);
    }

    /// <summary>Sets <see cref="MaxGradientNorm"/> and changes the parameters.</summary>
    /// <param name="clip">The largest norm of all gradients together, from now on.</param>
    /// <exception cref="ArgumentOutOfRangeException">The norm is not above 0.</exception>
    public void Step(float clip)
    {
        using OwnerScope inside = Plan.Backend.Enter("Optimizer.Step");
        RequireLive();
        RequireNorm(clip, nameof(clip));
        SetWithinStep(clip);
        Step();
    }

    // A recorded step would set the norm each time it is replayed, and a graph that the caller captured would not set it at all.
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
        // Where no call is put off, this has the same effect as setting it before the step.
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

    private protected Storage Own(Storage storage)
    {
        _owned.Add(storage);
        return storage;
    }

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

    // Also called by a constructor that failed, to free what it had allocated by then.
    private void Free()
    {
        foreach (Storage storage in _owned)
            storage.Dispose();
    }
}
