namespace Sequor.Layers;

/// <summary>
/// A model or a part of one. It owns parameters and defines what is computed from them. A model is run by plans, which own all other
/// memory; the plans of a model share its parameters.
/// </summary>
/// <remarks>
/// A model's parameters are allocated on the backend of its first plan. A model is for one thread at a time, like everything on that
/// backend. A call while another thread is in a call there, Dispose included, changes nothing and throws an
/// <see cref="InvalidOperationException"/>. Threads may use a model one after the other; threads that work at the same time need a model
/// and a backend each.
/// </remarks>
public abstract partial class Layer : IDisposable
{
    private ParameterStore? _store;
    private bool _disposed;

    /// <summary>The number of channels of the input.</summary>
    public abstract int InputSize { get; }

    /// <summary>The number of channels of the output.</summary>
    public abstract int OutputSize { get; }

    /// <summary>If the input's values must be class numbers, the number of classes; null where any values will do.</summary>
    internal virtual int? InputClasses => null;

    /// <summary>The layers that this one is made of, with their names; none for a basic layer.</summary>
    public virtual IReadOnlyList<(string Name, Layer Layer)> Children => [];

    /// <summary>This layer's own parameters, without those of its children.</summary>
    public virtual IReadOnlyList<Parameter> Parameters => [];

    /// <summary>
    /// Values that the layer keeps besides its parameters, such as running statistics. They have no gradient and no optimizer changes them,
    /// but they are part of the model and of its checkpoints.
    /// </summary>
    public virtual IReadOnlyList<Parameter> Buffers => [];

    /// <summary>All parameters, including those of children, in a fixed order.</summary>
    public IEnumerable<NamedParameter> NamedParameters() => Named(layer => layer.Parameters);

    /// <summary>All buffers, including those of children, in a fixed order.</summary>
    public IEnumerable<NamedParameter> NamedBuffers() => Named(layer => layer.Buffers);

    private IEnumerable<NamedParameter> Named(Func<Layer, IReadOnlyList<Parameter>> of)
    {
        foreach (Parameter parameter in of(this))
            yield return new NamedParameter(parameter.Name, parameter);
        foreach ((string name, Layer child) in Children)
        {
            foreach (NamedParameter inner in child.Named(of))
                yield return inner with
                {
                    Name = $"{name}.{inner.Name}",
                };
        }
    }

    /// <summary>The number of trained values, including those of children.</summary>
    public long ParameterCount => NamedParameters().Sum(p => p.Parameter.Shape.Count);

    /// <summary>The memory of the parameters; null before the first plan.</summary>
    internal ParameterStore? Store => _store;

    /// <summary>Where this layer wants its own parameters; null packs them one after the other.</summary>
    internal virtual ParameterLayout? LayoutOn(Backend backend) => null;

    /// <summary>Takes what the layer needs from the builder and prepares its operations.</summary>
    /// <param name="builder">Memory, gradients, random numbers and the plan's limits.</param>
    /// <param name="input">The largest input, [T, B, C].</param>
    /// <param name="output">The largest output, [T, B, C], where T is 1 after pooling.</param>
    /// <returns>The layer's passes.</returns>
    /// <remarks>
    /// This is called twice for a plan. The first time the builder gives no memory, and the layer's passes are only rehearsed, so that
    /// the plan knows what they do; the result is then disposed. The second time it makes the passes that run.
    /// </remarks>
    protected internal abstract LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    );

    /// <summary>Puts the parameters on a backend with values drawn from a seed, and the buffers as they begin.</summary>
    /// <param name="backend">The backend that the model lives on from now on.</param>
    /// <param name="seed">The same seed gives the same values on every backend.</param>
    /// <exception cref="InvalidOperationException">The model lives on another backend already.</exception>
    /// <exception cref="DeviceMemoryException">There is not enough memory; nothing remains allocated.</exception>
    /// <exception cref="ObjectDisposedException">The model, a layer of it or the backend was disposed.</exception>
    public void Initialize(Backend backend, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(backend);
        using OwnerScope model = Enter("Layer.Initialize");
        using OwnerScope inside = backend.Enter("Layer.Initialize");
        RequireLive();
        backend.RequireLive();
        if (_store is { } store && store.Backend != backend)
            throw new InvalidOperationException("The model's parameters live on another backend.");
        bool isFirst = _store is null;
        try
        {
            _store ??= new ParameterStore(backend, this);
            _store.Initialize(seed);
        }
        catch (Exception e)
        {
            if (isFirst)
                FreeParameters();
            if (e is OutOfMemoryException)
                throw new DeviceMemoryException(
                    $"This process has not the memory to draw the model's {Amount.Of(ParameterCount, "parameter")}.",
                    e
                );
            throw;
        }
    }

    /// <summary>Allocates and prepares, once, everything that running this model takes.</summary>
    /// <param name="backend">The backend to run on.</param>
    /// <param name="maxLength">The largest number of steps T of an input.</param>
    /// <param name="maxBatch">The largest number of sequences B of an input.</param>
    /// <param name="mode">Training, evaluation or streaming.</param>
    /// <param name="options">What else the plan can do; null for nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is below 1, or there is no such mode.</exception>
    /// <exception cref="InvalidOperationException">The model lives on another backend, or a layer of it in another model.</exception>
    /// <exception cref="DeviceMemoryException">
    /// The plan needs more memory than is free, or an allocation failed. The message has a table of what takes how much; nothing remains
    /// allocated.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// A layer cannot stream, or cannot compute the gradient of its input; the message says why.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// States are asked for but no layer is recurrent, or a plan for streaming is asked for states or lengths.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The model, a layer of it or the backend was disposed.</exception>
    public Plan Plan(
        Backend backend,
        int maxLength,
        int maxBatch,
        Mode mode,
        PlanOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(backend);
        options ??= new PlanOptions();
        RequireLive();
        backend.RequireLive();
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatch, 1);
        if (!Enum.IsDefined(mode))
            throw new ArgumentOutOfRangeException(
                nameof(mode),
                mode,
                "The mode must be Training, Evaluation or Streaming."
            );
        if ((long)maxLength * maxBatch > backend.MostRows)
            throw new DeviceMemoryException(
                $"A plan for {Amount.Of(maxLength, "step")} of {Amount.Of(maxBatch, "sequence")} has more rows than the {backend.MostRows} that {backend.Info.Description} can take."
            );
        using OwnerScope model = Enter("Layer.Plan");
        using OwnerScope inside = backend.Enter("Layer.Plan");
        bool isFirst = _store is null;
        if (isFirst)
            Initialize(backend, options.Seed);
        else if (_store!.Backend != backend)
            throw new InvalidOperationException("The model's parameters live on another backend.");
        try
        {
            backend.BeginPlan();
            try
            {
                return new Plan(this, backend, maxLength, maxBatch, mode, options);
            }
            catch (DeviceMemoryException) when (backend.ChoosesByRule())
            {
                return new Plan(this, backend, maxLength, maxBatch, mode, options);
            }
        }
        catch when (isFirst)
        {
            // Nothing is left behind, not even the parameters.
            FreeParameters();
            throw;
        }
        finally
        {
            backend.EndPlan();
        }
    }

    /// <summary>
    /// Frees the parameters; a second call does nothing. Afterwards the model's plans can only be disposed, and its layers can become part
    /// of another model.
    /// </summary>
    public void Dispose()
    {
        using OwnerScope model = Enter("Layer.Dispose");
        using OwnerScope inside = EnterBackend("Layer.Dispose");
        _disposed = true;
        _predictor?.Dispose();
        _predictor = null;
        FreeParameters();
        GC.SuppressFinalize(this);
    }

    private void FreeParameters()
    {
        _store?.Dispose();
        _store = null;
    }

    /// <summary>Throws once this layer, or one that it is made of, has been disposed.</summary>
    internal void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        foreach ((_, Layer child) in Children)
            child.RequireLive();
    }

    private protected static int RequirePositive(
        int value,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(value))]
            string? name = null
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, name);
        return value;
    }

    private protected static float RequireProbability(
        float value,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(value))]
            string? name = null
    )
    {
        if (!(value >= 0f && value < 1f))
            throw new ArgumentOutOfRangeException(
                name,
                value,
                "A dropout probability must be at least 0 and below 1."
            );
        return value;
    }
}
