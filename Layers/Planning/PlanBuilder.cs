namespace Sequor.Layers;

/// <summary>What a layer takes its memory and its place in the plan from.</summary>
internal sealed class PlanBuilder(
    Backend backend,
    ParameterStore parameters,
    int maxLength,
    int maxBatch,
    Mode mode
)
{
    private readonly List<(Slot Slot, int Place)> _flows = [];
    private readonly List<(Slot Slot, long Offset)> _scratches = [];
    private readonly List<(Slot Slot, MemoryCategory Category)> _kept = [];
    private readonly List<(Slot Slot, long Offset)> _states = [];
    private readonly List<Shape> _stateShapes = [];
    private readonly List<Storage> _storages = [];
    private readonly List<IDisposable> _operations = [];
    private readonly long[] _flowCounts = new long[2];
    private readonly RehearsalBackend? _rehearsal = backend as RehearsalBackend;
    private readonly List<string> _path = [];
    private readonly HashSet<Storage> _brief = [];
    private long _workspaceCount;
    private long _stateCount;
    private long _layerOffset;
    private long _scratchBegin;
    private long _lastEnd;
    private int _lastOutput = 1;
    private int _streams;
    private Storage? _gradients;

    public Backend Backend => backend;
    public int MaxLength => maxLength;
    public int MaxBatch => maxBatch;
    public bool Training => mode == Mode.Training;

    /// <summary>Each call goes on where the last one stopped.</summary>
    public bool Streaming => mode == Mode.Streaming;

    /// <summary>Where the stream is.</summary>
    public StreamPosition Position { get; } = new();

    /// <summary>
    /// How batches of differing lengths lie; null where all sequences have the input's steps, as they do after pooling.
    /// </summary>
    public SequenceLayout? Layout { get; set; }

    /// <summary>Recurrent layers keep their states where the caller writes and reads them.</summary>
    public bool States { get; init; }

    /// <summary>Those states, in the order of the layers.</summary>
    public List<RecurrentStates> LayerStates { get; } = [];

    /// <summary>What the backend's library draws from by itself, in the order of layers.</summary>
    public List<LibraryRandom> LibraryRandoms { get; } = [];

    /// <summary>Whether the layer being planned must return the gradient by its input.</summary>
    public bool InputGradient { get; set; }

    public RandomStream? Random { get; private set; }

    public void UseRandom(ulong seed) => Random = backend.CreateRandom(seed);

    /// <summary>A stream number of its own for each place that draws random numbers.</summary>
    public int NextStream() => _streams++;

    /// <summary>Whether any place draws.</summary>
    public bool Draws => _streams > 0;

    public Tensor Value(Parameter parameter) =>
        _rehearsal is null
            ? parameters.View(parameter)
            : ParameterStore.View(_rehearsal.Parameters, parameter);

    /// <summary>A parameter's gradient; empty in evaluation.</summary>
    public Tensor Gradient(Parameter parameter)
    {
        if (!Training)
            return default;
        return ParameterStore.View(GradientStorage(), parameter);
    }

    public Tensor AllGradients => Training ? parameters.Block(GradientStorage()) : default;

    private Storage GradientStorage() =>
        _gradients ??=
            _rehearsal?.Gradients ?? Take(Math.Max(parameters.Count, 1), MemoryCategory.Gradients);

    /// <summary>Names of the layer being planned and of those that it is in, by dots.</summary>
    public string Path => string.Join('.', _path);

    /// <summary>
    /// Begins a layer, whose scratch may lie where that of its neighbours does, but not where that lies which its container has
    /// taken so far.
    /// </summary>
    /// <param name="name">Its name; "" for a model.</param>
    public LayerScope Enter(string name)
    {
        if (name.Length > 0)
            _path.Add(name);
        var scope = new LayerScope(this, name, _scratchBegin);
        _scratchBegin = _layerOffset;
        _lastEnd = 0;
        return scope;
    }

    /// <summary>Ends a layer's planning.</summary>
    public readonly struct LayerScope(PlanBuilder builder, string name, long begin) : IDisposable
    {
        public void Dispose()
        {
            if (name.Length > 0)
                builder._path.RemoveAt(builder._path.Count - 1);
            builder._lastEnd = Math.Max(builder._lastEnd, builder._layerOffset);
            builder._layerOffset = builder._scratchBegin;
            builder._scratchBegin = begin;
        }
    }

    /// <summary>A layer's output: kept in training, one of two places in turn in evaluation.</summary>
    public Slot Output(Shape shape)
    {
        if (Training)
            return Kept(shape, MemoryCategory.Activations);
        var slot = new Slot(shape);
        _lastOutput = 1 - _lastOutput;
        _flows.Add((slot, _lastOutput));
        _flowCounts[_lastOutput] = Math.Max(_flowCounts[_lastOutput], shape.Count);
        return slot;
    }

    /// <summary>What forward leaves for backward: kept in training, scratch in evaluation.</summary>
    public Slot Keep(Shape shape, MemoryCategory category = MemoryCategory.Activations) =>
        Training ? Kept(shape, category) : Scratch(shape);

    /// <summary>A tensor of the plan's own.</summary>
    public Slot Kept(Shape shape, MemoryCategory category)
    {
        var slot = new Slot(shape);
        _kept.Add((slot, category));
        return slot;
    }

    /// <summary>The shapes of all that is carried, in the order of layers.</summary>
    public Shape[] StateShapes => [.. _stateShapes];

    /// <summary>What a streaming layer carries from call to call; zero when the stream begins.</summary>
    public Slot State(Shape shape)
    {
        var slot = new Slot(shape);
        _states.Add((slot, _stateCount));
        _stateShapes.Add(shape);
        _stateCount = checked(_stateCount + backend.Align(shape.Count));
        return slot;
    }

    /// <summary>Scratch of a planned operation: in a stream its own, since weights prepared there serve later calls.</summary>
    public Slot Workspace(long count) =>
        Streaming ? Kept(Shape.Block(count), MemoryCategory.Workspace) : Scratch(count);

    /// <summary>Holds values only within one call of the layer that asked for it.</summary>
    public Slot Scratch(Shape shape)
    {
        var slot = new Slot(shape);
        _scratches.Add((slot, _layerOffset));
        _layerOffset = checked(_layerOffset + backend.Align(shape.Count));
        _workspaceCount = Math.Max(_workspaceCount, _layerOffset);
        return slot;
    }

    public Slot Scratch(long count) => Scratch(Shape.Block(count));

    /// <summary>Nothing runs but a <see cref="Rehearsal"/>.</summary>
    public bool IsRehearsal => _rehearsal is not null;

    /// <summary>Places everything without memory.</summary>
    /// <returns>The most floats that come to lie in each of the gradients' two places, as they grow.</returns>
    public IReadOnlyList<long> Rehearse(RehearsalBackend on)
    {
        foreach ((Slot slot, MemoryCategory category) in _kept)
            slot.Place(on.Pretend(slot.Count, category), 0);
        foreach ((Slot slot, _) in _states)
            slot.Place(on.Pretend(slot.Count, MemoryCategory.Activations), 0);
        foreach ((Slot slot, _) in _flows)
            slot.Place(on.Pretend(slot.Count, MemoryCategory.Workspace), 0);
        foreach ((Slot slot, _) in _scratches)
        {
            Storage place = on.Pretend(slot.Count, MemoryCategory.Workspace);
            slot.Place(place, 0);
            _brief.Add(place);
        }
        return Gradients.Rehearse(on);
    }

    /// <summary>In a rehearsal: whether a tensor lies in memory of the plan that lasts until the next layer has read it.</summary>
    public bool MayBeOutput(Tensor tensor) =>
        tensor.Backend == backend
        && tensor.Storage.Category != MemoryCategory.Parameters
        && !_brief.Contains(tensor.Storage);

    /// <summary>Allocates what was asked for. Returns the storages, which the plan owns from then on.</summary>
    /// <param name="gradients">The most floats that come to lie in each of the gradients' two places.</param>
    /// <exception cref="DeviceMemoryException">It is more than the device has free; the message has a table.</exception>
    public IReadOnlyList<Storage> Build(IReadOnlyList<long> gradients)
    {
        for (int i = 0; i < 2; i++)
            _flowCounts[i] = Math.Max(_flowCounts[i], gradients[i]);
        PlanNeed need = Need();
        need.Require();
        try
        {
            Allocate();
        }
        catch (DeviceMemoryException e)
        {
            throw need.Error(e);
        }
        return _storages;
    }

    private PlanNeed Need()
    {
        var need = new PlanNeed(backend, maxLength, maxBatch);
        foreach ((Slot slot, MemoryCategory category) in _kept)
            need.Add(slot.Count, category);
        if (_stateCount > 0)
            need.Add(_stateCount, MemoryCategory.Activations);
        need.Add(_workspaceCount, MemoryCategory.Workspace);
        foreach (long count in _flowCounts)
            need.Add(count, MemoryCategory.Workspace);
        return need;
    }

    private void Allocate()
    {
        foreach ((Slot slot, MemoryCategory category) in _kept)
            slot.Place(Take(slot.Count, category), 0);
        if (_stateCount > 0)
        {
            Storage states = Take(_stateCount, MemoryCategory.Activations);
            foreach ((Slot slot, long offset) in _states)
                slot.Place(states, offset);
            AllStates = new Tensor(states, 0, new Shape(checked((int)_stateCount)));
        }
        Storage workspace = Take(Math.Max(_workspaceCount, 1), MemoryCategory.Workspace);
        foreach ((Slot slot, long offset) in _scratches)
            slot.Place(workspace, offset);
        Spare = (workspace, _lastEnd, _workspaceCount - _lastEnd);
        var flows = new Storage[2];
        for (int i = 0; i < 2; i++)
            flows[i] = Take(Math.Max(_flowCounts[i], 1), MemoryCategory.Workspace);
        foreach ((Slot slot, int place) in _flows)
            slot.Place(flows[place], 0);
        Gradients.Place(flows[0], flows[1]);
    }

    /// <summary>Notes an operation, which a layer frees unless building fails.</summary>
    public T Own<T>(T operation)
        where T : PlannedOperation
    {
        _operations.Add(operation);
        return operation;
    }

    /// <summary>Frees what was allocated, when building failed.</summary>
    public void Abandon()
    {
        foreach (IDisposable operation in _operations)
            operation.Dispose();
        foreach (Storage storage in _storages)
            storage.Dispose();
        Random?.Dispose();
    }

    /// <summary>All that layers carry from call to call, once the plan is built; empty outside of a stream.</summary>
    public Tensor AllStates { get; private set; }

    /// <summary>
    /// Scratch behind that of the layer planned last, once the plan is built: free between that layer's forward and its backward
    /// pass, and in them.
    /// </summary>
    public (Storage Storage, long First, long Count) Spare { get; private set; }

    /// <summary>Where gradients travel; usable once the plan is built.</summary>
    public GradientFlow Gradients { get; } = new();

    private Storage Take(long count, MemoryCategory category)
    {
        Storage storage = backend.Allocate(count, category);
        _storages.Add(storage);
        return storage;
    }
}
