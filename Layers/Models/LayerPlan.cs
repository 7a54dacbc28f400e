namespace Sequor.Layers;

/// <summary>A layer prepared for its largest shape, with its share of a plan's memory.</summary>
internal abstract class LayerPlan : IDisposable
{
    /// <summary>
    /// The output for an input [T, B, C] within the plan's limits, or for packed rows [N, 1, C]; in memory of the plan.
    /// </summary>
    public abstract Tensor Forward(Tensor x);

    /// <summary>
    /// Adds to the parameters' gradients and returns the gradient by the input, empty where the plan does without.
    /// </summary>
    /// <param name="dy">
    /// Gradient by the output. Where it has fewer steps than the output, it is that of the last ones, and the others'
    /// is zero. It may be overwritten.
    /// </param>
    public abstract Tensor Backward(Tensor dy);

    /// <summary>The outputs of the last forward pass with the names of their layers, in the order computed.</summary>
    public virtual IEnumerable<(string Name, Tensor Output)> Outputs => [];

    public virtual void Dispose() { }
}

/// <summary>A tensor that the plan places once all layers have said what they need.</summary>
internal sealed class Slot
{
    private readonly Shape _shape;
    private Tensor _tensor;

    public Slot(Shape shape) => _shape = shape;

    public long Count => _shape.Count;

    public void Place(Storage storage, long offset) =>
        _tensor = new Tensor(storage, offset, _shape);

    /// <summary>All of it.</summary>
    public Tensor All => _tensor;

    /// <summary>The part for T steps of B sequences.</summary>
    public Tensor For(int steps, int batch) =>
        _tensor.View(new Shape(steps, batch, _shape.Columns));
}

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
    private readonly List<(Slot Slot, int Depth)> _asides = [];
    private readonly List<long> _asideCounts = [];
    private int _asideDepth;
    private readonly List<Storage> _storages = [];
    private readonly List<IDisposable> _operations = [];
    private readonly List<(FlowUse Use, long Count)> _uses = [];
    private readonly long[] _flowCounts = new long[2];
    private long _workspaceCount;
    private long _stateCount;
    private long _layerOffset;
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

    public Tensor Value(Parameter parameter) => parameters.View(parameter);

    /// <summary>A parameter's gradient; empty in evaluation.</summary>
    public Tensor Gradient(Parameter parameter)
    {
        if (!Training)
            return default;
        return ParameterStore.View(GradientStorage(), parameter);
    }

    public Tensor AllGradients => Training ? parameters.Block(GradientStorage()) : default;

    private Storage GradientStorage() =>
        _gradients ??= Take(Math.Max(parameters.Count, 1), MemoryCategory.Gradients);

    /// <summary>Begins a basic layer: its scratch may lie where that of other layers does.</summary>
    public void BeginLayer() => _layerOffset = 0;

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

    /// <summary>
    /// Holds values while other layers run, until <see cref="EndAside"/>: layers after that may have the same place, those within
    /// have others.
    /// </summary>
    public Slot BeginAside(Shape shape)
    {
        if (_asideCounts.Count == _asideDepth)
            _asideCounts.Add(0);
        _asideCounts[_asideDepth] = Math.Max(_asideCounts[_asideDepth], shape.Count);
        var slot = new Slot(shape);
        _asides.Add((slot, _asideDepth));
        _asideDepth++;
        return slot;
    }

    public void EndAside() => _asideDepth--;

    /// <summary>
    /// Says how the gradient passes backwards through the layer being planned, and how many floats of it. To be called in the
    /// order opposite to what the layer does backwards, as layers are planned from the input on.
    /// </summary>
    public void Flow(FlowUse use, long count = 0) => _uses.Add((use, count));

    // Follows the gradient from the output on, as the layers will, and sizes the two places by what comes to lie in them.
    private void SizeFlow()
    {
        int place = -1;
        // Whether the place is sure, and whether the gradient is that of the last steps only, or may be.
        bool known = true;
        bool few = false;
        for (int i = _uses.Count - 1; i >= 0; i--)
        {
            (FlowUse use, long count) = _uses[i];
            int other = place == 0 ? 1 : 0;
            if (use == FlowUse.LastSteps && count == 0)
            {
                few = true;
                continue;
            }
            if (use == FlowUse.Fill && !few)
                continue;
            // Those of the last steps lie where they do among all.
            bool stays = use is (FlowUse.Whole or FlowUse.Fill) && place >= 0;
            int used = stays ? place : other;
            Size(used, count);
            if (!known)
                Size(1 - used, count);
            if (use == FlowUse.Aside)
                continue;
            // Not every backend fills, and not every batch moves.
            if (use == FlowUse.LastSteps || (use == FlowUse.Fill && !stays))
                known = false;
            if (use != FlowUse.Fill)
                place = used;
            few = use == FlowUse.LastSteps || (few && use == FlowUse.Move);
        }

        void Size(int which, long count) =>
            _flowCounts[which] = Math.Max(_flowCounts[which], count);
    }

    /// <summary>Allocates what was asked for. Returns the storages, which the plan owns from then on.</summary>
    /// <exception cref="DeviceMemoryException">It is more than the device has free; the message has a table.</exception>
    public (IReadOnlyList<Storage> Storages, GradientFlow Flow) Build()
    {
        SizeFlow();
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
        return (_storages, Gradients);
    }

    private PlanNeed Need()
    {
        var need = new PlanNeed(backend, maxLength, maxBatch);
        foreach ((Slot slot, MemoryCategory category) in _kept)
            need.Add(slot.Count, category);
        if (_stateCount > 0)
            need.Add(_stateCount, MemoryCategory.Activations);
        need.Add(_workspaceCount, MemoryCategory.Workspace);
        foreach (long count in _flowCounts.Concat(_asideCounts))
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
        Spare = (workspace, _layerOffset, _workspaceCount - _layerOffset);
        Storage[] asides = [.. _asideCounts.Select(n => Take(n, MemoryCategory.Workspace))];
        foreach ((Slot slot, int depth) in _asides)
            slot.Place(asides[depth], 0);
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

/// <summary>What a layer does with the place that the gradient lies in.</summary>
internal enum FlowUse
{
    /// <summary>Writes dx to the other place: <see cref="GradientFlow.Other"/>.</summary>
    Move,

    /// <summary>Asks for all steps: <see cref="GradientFlow.Whole"/>. Where they are there already, stays.</summary>
    Whole,

    /// <summary>
    /// Asks for all steps, by <see cref="GradientFlow.Whole"/>, only where there are fewer: where it then lies depends on that.
    /// </summary>
    Fill,

    /// <summary>Uses the other place as scratch and stays.</summary>
    Aside,

    /// <summary>
    /// Passes the gradient of the last steps on as it is; of so many floats where lengths differ, when it moves: where it comes
    /// to lie then depends on the lengths of the batch.
    /// </summary>
    LastSteps,
}

/// <summary>Two places that gradients between layers move to and fro in.</summary>
internal sealed class GradientFlow
{
    private Storage? _first;
    private Storage? _second;

    /// <summary>
    /// Steps of the sequences that are pooled to their last one: a gradient of fewer is put where it lies among theirs, so that
    /// <see cref="Whole"/> has the zeros before it to write only. 0 where nothing is pooled so, or what lies before differs.
    /// </summary>
    public int PooledSteps { get; set; }

    public void Place(Storage first, Storage second)
    {
        _first = first;
        _second = second;
    }

    /// <summary>The place in which the given gradient is not.</summary>
    public Tensor Other(Tensor dy, Shape shape)
    {
        Storage other = ReferenceEquals(dy.Storage, _first) ? _second! : _first!;
        if (other.Count < shape.Count)
        {
            throw new InvalidOperationException(
                $"A gradient of {shape} was not announced to the plan, which has room for {Amount.Of(other.Count, "value")}."
            );
        }
        long before = Math.Max(0L, PooledSteps - shape.First) * shape[1] * shape[2];
        bool fits = before <= other.Count - shape.Count && dy.Shape.First == shape.First;
        return new Tensor(other, fits ? before : 0, shape);
    }

    /// <summary>Whether the given gradient lies in one of the two, so that a layer may write dx over it.</summary>
    public bool Owns(Tensor dy) =>
        ReferenceEquals(dy.Storage, _first) || ReferenceEquals(dy.Storage, _second);

    /// <summary>
    /// A gradient of <paramref name="steps"/> steps in a place of the flow: the given one if it is that already, else a copy
    /// with zeros before it.
    /// </summary>
    public Tensor Whole(Tensor dy, int steps)
    {
        if (dy.Shape.First == steps && Owns(dy))
            return dy;
        var shape = new Shape(steps, dy.Shape[1], dy.Shape[2]);
        int first = steps - dy.Shape.First;
        bool inPlace = Owns(dy) && first > 0 && dy.Offset == shape.Count - dy.Count;
        Tensor whole = inPlace ? new Tensor(dy.Storage, 0, shape) : Other(dy, shape);
        dy.Backend.Fill(whole.Slice(0, first), 0f);
        if (!inPlace)
            dy.Backend.Copy(dy, whole.Slice(first, dy.Shape.First));
        return whole;
    }
}

/// <summary>Where a stream is.</summary>
internal sealed class StreamPosition
{
    /// <summary>Steps that were taken before this call.</summary>
    public long Steps { get; set; }

    /// <summary>The weights have to be prepared anew: they may have changed since the last stream.</summary>
    public bool NewWeights { get; set; } = true;
}
