using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// Passed to a layer in <see cref="Layer.CreatePlan"/>. The layer asks it for memory and learns from it what the plan is for.
/// </summary>
public sealed partial class PlanBuilder
{
    private readonly Backend _stage;
    private readonly ParameterStore _parameters;
    private readonly Mode _mode;
    private readonly List<(Slot Slot, int Place)> _flows = [];
    private readonly List<(Slot Slot, long Offset)> _scratches = [];
    private readonly List<(Slot Slot, MemoryCategory Category, MemoryOwner Owner)> _kept = [];
    private readonly List<(Slot Slot, long Offset, string Layer)> _states = [];
    private readonly List<Shape> _stateShapes = [];
    private readonly List<Storage> _storages = [];
    private readonly List<IDisposable> _operations = [];
    private readonly long[] _flowCounts = new long[2];
    private readonly RehearsalBackend? _rehearsal;
    private readonly List<string> _path = [];
    private readonly List<string> _fallbacks = [];
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
        Owner = new MemoryOwner(Group, OwnedMemory.InputOutput);
    }

    /// <summary>The backend of the plan.</summary>
    public Backend Backend => _rehearsal?.Real ?? _stage;

    /// <summary>The operations on tensors that the layer's passes can use.</summary>
    public TensorOperations Operations { get; }

    /// <summary>The backend on which Sequor's own layers run their operations; in a rehearsal, the backend that stands in for it.</summary>
    internal Backend Stage => _stage;

    /// <summary>The largest number of steps, T, of the model's input.</summary>
    public int MaxLength { get; }

    /// <summary>The largest number of sequences, B, of the model's input.</summary>
    public int MaxBatch { get; }

    /// <summary>Whether the plan is for training, and so has a backward pass.</summary>
    public bool Training => _mode == Mode.Training;

    /// <summary>
    /// Whether the plan is for streaming. Each call then continues where the last one stopped, so a layer that needs earlier steps keeps a
    /// <see cref="State"/>.
    /// </summary>
    public bool Streaming => _mode == Mode.Streaming;

    /// <summary>
    /// Whether each call continues where the last one stopped: in a stream, and in training and evaluation with
    /// <see cref="PlanOptions.Carry"/>. A layer that needs earlier steps then keeps a <see cref="State"/>. In training it begins from the
    /// state as if that were an input, without a gradient, and its backward pass may need a copy of it: the forward pass has written over
    /// the state by then.
    /// </summary>
    public bool Carries => Streaming || CarriesWindows;

    internal bool CarriesWindows { get; init; }

    /// <summary>
    /// Whether batches may come as packed rows [N, 1, C]. Steps follow each other, and each has the rows of the sequences that have not
    /// ended, longest first. A layer that works across steps and cannot use this layout throws a <see cref="NotSupportedException"/>.
    /// </summary>
    public bool VariableLengths => Layout is not null;

    /// <summary>
    /// Whether steps may be marked at which sequences begin anew (<see cref="PlanOptions.Resets"/>). A layer of one's own that looks from
    /// step to step, or pools over them, throws a <see cref="NotSupportedException"/> then; nothing else would tell that values pass from
    /// an episode to the next.
    /// </summary>
    public bool Resets => Marks is not null;

    /// <summary>Those marks. Null where there can be none, as after pooling.</summary>
    internal StepResets? Marks { get; set; }

    /// <summary>Refuses a layer that no step can begin anew in.</summary>
    /// <param name="layer">What the layer is, as the sentence begins.</param>
    /// <param name="because">Why it cannot.</param>
    /// <exception cref="NotSupportedException">Steps may be marked.</exception>
    internal void RefuseResets(string layer, string because)
    {
        if (Resets)
            throw new NotSupportedException(
                $"{layer} takes no resets (PlanOptions.Resets): {because}. LRU, its rungs and S5 can begin anew within a sequence; for other models each episode has to be a sequence of its own, with PlanOptions.VariableLengths."
            );
    }

    /// <summary>How many steps the stream has taken.</summary>
    internal StreamPosition Position { get; } = new();

    /// <summary>
    /// How packed batches lie in memory. Null where all sequences have as many steps as the input, as they do after pooling.
    /// </summary>
    internal SequenceLayout? Layout { get; set; }

    /// <summary>Whether the caller can read and write the states of recurrent layers.</summary>
    internal bool States { get; init; }

    /// <summary>Those states, in the order of the layers.</summary>
    internal List<RecurrentStates> LayerStates { get; } = [];

    /// <summary>The states from which the backend's library draws random numbers by itself, in the order of the layers.</summary>
    internal List<LibraryRandom> LibraryRandoms { get; } = [];

    /// <summary>Whether the layer being planned must return the gradient of its input.</summary>
    public bool InputGradient { get; internal set; }

    internal RandomStream? Random { get; private set; }

    internal void UseRandom(ulong seed)
    {
        using Backend.OwnedScope owned = _stage.AllocateFor(
            new MemoryOwner(Group, "random numbers")
        );
        Random = _stage.CreateRandom(seed);
    }

    /// <summary>Returns a new number of a random stream, one for each place that draws random numbers.</summary>
    internal int NextStream() => _streams++;

    /// <summary>Whether any layer draws random numbers.</summary>
    internal bool Draws => _streams > 0;

    /// <summary>The values of a parameter or a buffer of the layer. They stay in this place as long as the plan lives.</summary>
    /// <param name="parameter">One of the layer's own.</param>
    /// <exception cref="InvalidOperationException">The parameter does not belong to the model that is planned.</exception>
    public Tensor Value(Parameter parameter)
    {
        RequireOwn(parameter);
        return _rehearsal is null
            ? _parameters.View(parameter)
            : ParameterStore.View(_rehearsal.Parameters, parameter);
    }

    /// <summary>Whether a parameter belongs to the model that is planned.</summary>
    internal bool Has(Parameter parameter) => parameter.Owner == _parameters;

    private void RequireOwn(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        if (!Has(parameter))
            throw new InvalidOperationException(
                $"{parameter.Name} is among neither the Parameters nor the Buffers of a layer of the model that is planned."
            );
    }

    /// <summary>A dropout of single values, which only acts in training.</summary>
    /// <param name="probability">The probability that a value becomes 0: at least 0, below 1.</param>
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

    /// <summary>The gradient of a parameter, to which backward passes add; empty unless in training.</summary>
    /// <param name="parameter">One of the layer's own.</param>
    /// <exception cref="InvalidOperationException">The parameter does not belong to the model that is planned, or is a buffer.</exception>
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
            _rehearsal?.Gradients
            ?? Take(
                Math.Max(_parameters.Count, 1),
                MemoryCategory.Gradients,
                new MemoryOwner(Group, "gradients", shares: _parameters.Shares)
            );

    /// <summary>
    /// Memory for the layer's output. In training it is kept until the backward pass. Otherwise the outputs of the layers alternate between
    /// two places, so that an output never lies where its layer's input does.
    /// </summary>
    /// <param name="shape">The output's largest shape, [T, B, C].</param>
    /// <exception cref="InvalidOperationException">The layer already has an output.</exception>
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

    /// <summary>Memory for what a forward pass leaves for the backward pass. Outside of training it is scratch memory.</summary>
    /// <param name="shape">The largest shape.</param>
    public Slot Keep(Shape shape) => Keep(shape, MemoryCategory.Activations);

    internal Slot Keep(Shape shape, MemoryCategory category) =>
        Training ? Kept(shape, category) : Scratch(shape);

    /// <summary>Memory that nothing else in the plan shares.</summary>
    internal Slot Kept(Shape shape, MemoryCategory category)
    {
        var slot = new Slot(shape);
        _kept.Add((slot, category, Owner));
        return slot;
    }

    /// <summary>The shapes of everything that a stream carries from call to call, in the order of the layers.</summary>
    internal Shape[] StateShapes => [.. _stateShapes];

    /// <summary>The states under the names of their layers, once the plan is built: 1.0 is the first of layer 1.</summary>
    internal IEnumerable<(string Name, Tensor State)> NamedStates()
    {
        var counts = new Dictionary<string, int>();
        foreach ((Slot slot, _, string layer) in _states)
        {
            int number = counts.GetValueOrDefault(layer);
            counts[layer] = number + 1;
            string at = number.ToString(CultureInfo.InvariantCulture);
            yield return (layer.Length == 0 ? at : $"{layer}.{at}", slot.All);
        }
    }

    /// <summary>Memory for what a layer carries from call to call (<see cref="Carries"/>). It is zero when a stream begins.</summary>
    /// <param name="shape">The state's shape. The values are saved and restored with the stream's state.</param>
    public Slot State(Shape shape)
    {
        var slot = new Slot(shape);
        _states.Add((slot, _stateCount, Path));
        _stateShapes.Add(shape);
        _stateCount = checked(_stateCount + _stage.Align(shape.Count));
        return slot;
    }

    /// <summary>
    /// Scratch memory of a planned operation. A stream does not share it, since weights prepared there serve later calls.
    /// </summary>
    internal Slot Workspace(long count) =>
        Streaming ? Kept(Shape.Block(count), MemoryCategory.Workspace) : Scratch(count);

    /// <summary>Scratch memory, which holds values only within one call of the layer that asked for it.</summary>
    /// <param name="shape">The largest shape.</param>
    public Slot Scratch(Shape shape)
    {
        var slot = new Slot(shape);
        _scratches.Add((slot, _layerOffset));
        _layerOffset = checked(_layerOffset + _stage.Align(shape.Count));
        _workspaceCount = Math.Max(_workspaceCount, _layerOffset);
        return slot;
    }

    internal Slot Scratch(long count) => Scratch(Shape.Block(count));

    /// <summary>The two places between which the gradients of the layers alternate in backward passes.</summary>
    public GradientFlow Gradients { get; } = new();
}
