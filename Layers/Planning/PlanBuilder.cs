namespace Sequor.Layers;

/// <summary>What a layer takes its memory and its place in the plan from, in <see cref="Layer.CreatePlan"/>.</summary>
public sealed partial class PlanBuilder
{
    private readonly Backend _stage;
    private readonly ParameterStore _parameters;
    private readonly Mode _mode;
    private readonly List<(Slot Slot, int Place)> _flows = [];
    private readonly List<(Slot Slot, long Offset)> _scratches = [];
    private readonly List<(Slot Slot, MemoryCategory Category)> _kept = [];
    private readonly List<(Slot Slot, long Offset)> _states = [];
    private readonly List<Shape> _stateShapes = [];
    private readonly List<Storage> _storages = [];
    private readonly List<IDisposable> _operations = [];
    private readonly long[] _flowCounts = new long[2];
    private readonly RehearsalBackend? _rehearsal;
    private readonly List<string> _path = [];
    private readonly HashSet<Storage> _brief = [];
    private long _workspaceCount;
    private long _stateCount;
    private long _layerOffset;
    private long _scratchBegin;
    private bool _hasOutput;
    private int _lastOutput = 1;
    private int _streams;
    private Storage? _gradients;

    internal PlanBuilder(
        Backend stage,
        ParameterStore parameters,
        int maxLength,
        int maxBatch,
        Mode mode
    )
    {
        _stage = stage;
        _parameters = parameters;
        _mode = mode;
        _rehearsal = stage as RehearsalBackend;
        MaxLength = maxLength;
        MaxBatch = maxBatch;
        Operations = new TensorOperations(stage);
    }

    /// <summary>The backend of the plan.</summary>
    public Backend Backend => _rehearsal?.Real ?? _stage;

    /// <summary>What passes of the layer do with tensors.</summary>
    public TensorOperations Operations { get; }

    /// <summary>What operations of Sequor's own layers run on: the backend, or what stands for it in a rehearsal.</summary>
    internal Backend Stage => _stage;

    /// <summary>Largest T of the model's input.</summary>
    public int MaxLength { get; }

    /// <summary>Largest B.</summary>
    public int MaxBatch { get; }

    /// <summary>There is a backward pass.</summary>
    public bool Training => _mode == Mode.Training;

    /// <summary>Each call goes on where the last one stopped: a layer that looks back keeps a <see cref="State"/>.</summary>
    public bool Streaming => _mode == Mode.Streaming;

    /// <summary>
    /// Batches may come as packed rows [N, 1, C], step after step, in each the sequences that last so long, longest first. A
    /// layer that looks from step to step and cannot tell them apart throws a <see cref="NotSupportedException"/>.
    /// </summary>
    public bool VariableLengths => Layout is not null;

    /// <summary>Where the stream is.</summary>
    internal StreamPosition Position { get; } = new();

    /// <summary>
    /// How batches of differing lengths lie; null where all sequences have the input's steps, as they do after pooling.
    /// </summary>
    internal SequenceLayout? Layout { get; set; }

    /// <summary>Recurrent layers keep their states where the caller writes and reads them.</summary>
    internal bool States { get; init; }

    /// <summary>Those states, in the order of the layers.</summary>
    internal List<RecurrentStates> LayerStates { get; } = [];

    /// <summary>What the backend's library draws from by itself, in the order of layers.</summary>
    internal List<LibraryRandom> LibraryRandoms { get; } = [];

    /// <summary>Whether the layer being planned must return the gradient by its input.</summary>
    public bool InputGradient { get; internal set; }

    internal RandomStream? Random { get; private set; }

    internal void UseRandom(ulong seed) => Random = _stage.CreateRandom(seed);

    /// <summary>A stream number of its own for each place that draws random numbers.</summary>
    internal int NextStream() => _streams++;

    /// <summary>Whether any place draws.</summary>
    internal bool Draws => _streams > 0;

    /// <summary>Where the values of a parameter or a buffer of the layer lie, for all of the plan's life.</summary>
    /// <param name="parameter">One of the layer's own.</param>
    /// <exception cref="InvalidOperationException">It is none of the model that is planned.</exception>
    public Tensor Value(Parameter parameter)
    {
        RequireOwn(parameter);
        return _rehearsal is null
            ? _parameters.View(parameter)
            : ParameterStore.View(_rehearsal.Parameters, parameter);
    }

    private void RequireOwn(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        if (parameter.Owner != _parameters)
            throw new InvalidOperationException(
                $"{parameter.Name} is among neither the Parameters nor the Buffers of a layer of the model that is planned."
            );
    }

    /// <summary>A dropout of single values in training, none otherwise.</summary>
    /// <param name="probability">Of a value to become 0: at least 0, below 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The probability is out of range.</exception>
    public DropoutMask Dropout(float probability)
    {
        if (!(probability >= 0f && probability < 1f))
            throw new ArgumentOutOfRangeException(
                nameof(probability),
                probability,
                "A dropout probability must be at least 0 and below 1."
            );
        bool drops = Training && probability > 0;
        return new DropoutMask(
            drops ? Random : null,
            Operations,
            probability,
            drops ? NextStream() : 0
        );
    }

    /// <summary>The gradient of a parameter, which backward passes add to; empty outside of training.</summary>
    /// <param name="parameter">One of the layer's own.</param>
    /// <exception cref="InvalidOperationException">It is none of the model that is planned, or a buffer.</exception>
    public Tensor Gradient(Parameter parameter)
    {
        RequireOwn(parameter);
        if (parameter.Offset >= _parameters.Count)
            throw new InvalidOperationException(
                $"{parameter.Name} is a buffer, which has no gradient."
            );
        if (!Training)
            return default;
        return ParameterStore.View(GradientStorage(), parameter);
    }

    internal Tensor AllGradients => Training ? _parameters.Block(GradientStorage()) : default;

    private Storage GradientStorage() =>
        _gradients ??=
            _rehearsal?.Gradients ?? Take(Math.Max(_parameters.Count, 1), MemoryCategory.Gradients);

    /// <summary>
    /// A layer's output: kept in training; in evaluation one of two places in turn, which is never that of the layer's input.
    /// </summary>
    /// <param name="shape">Its largest shape, [T, B, C].</param>
    /// <exception cref="InvalidOperationException">The layer has one already.</exception>
    public Slot Output(Shape shape)
    {
        if (_hasOutput)
            throw new InvalidOperationException(
                "A layer has one output; for what else it computes there are Keep and Scratch."
            );
        _hasOutput = true;
        if (Training)
            return Kept(shape, MemoryCategory.Activations);
        var slot = new Slot(shape);
        _lastOutput = 1 - _lastOutput;
        _flows.Add((slot, _lastOutput));
        _flowCounts[_lastOutput] = Math.Max(_flowCounts[_lastOutput], shape.Count);
        return slot;
    }

    /// <summary>What forward leaves for backward: kept in training, scratch in evaluation.</summary>
    /// <param name="shape">Its largest shape.</param>
    public Slot Keep(Shape shape) => Keep(shape, MemoryCategory.Activations);

    internal Slot Keep(Shape shape, MemoryCategory category) =>
        Training ? Kept(shape, category) : Scratch(shape);

    /// <summary>A tensor of the plan's own.</summary>
    internal Slot Kept(Shape shape, MemoryCategory category)
    {
        var slot = new Slot(shape);
        _kept.Add((slot, category));
        return slot;
    }

    /// <summary>The shapes of all that is carried, in the order of layers.</summary>
    internal Shape[] StateShapes => [.. _stateShapes];

    /// <summary>What a streaming layer carries from call to call; zero when the stream begins.</summary>
    /// <param name="shape">Its shape; it is saved and set with the stream's state.</param>
    public Slot State(Shape shape)
    {
        var slot = new Slot(shape);
        _states.Add((slot, _stateCount));
        _stateShapes.Add(shape);
        _stateCount = checked(_stateCount + _stage.Align(shape.Count));
        return slot;
    }

    /// <summary>Scratch of a planned operation: in a stream its own, since weights prepared there serve later calls.</summary>
    internal Slot Workspace(long count) =>
        Streaming ? Kept(Shape.Block(count), MemoryCategory.Workspace) : Scratch(count);

    /// <summary>Holds values only within one call of the layer that asked for it.</summary>
    /// <param name="shape">Its largest shape.</param>
    public Slot Scratch(Shape shape)
    {
        var slot = new Slot(shape);
        _scratches.Add((slot, _layerOffset));
        _layerOffset = checked(_layerOffset + _stage.Align(shape.Count));
        _workspaceCount = Math.Max(_workspaceCount, _layerOffset);
        return slot;
    }

    internal Slot Scratch(long count) => Scratch(Shape.Block(count));

    /// <summary>Where gradients between layers lie; for backward passes.</summary>
    public GradientFlow Gradients { get; } = new();
}
