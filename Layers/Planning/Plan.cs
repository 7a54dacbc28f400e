namespace Sequor.Layers;

/// <summary>
/// A model prepared to run on a backend up to a given length and batch size. The plan owns the memory of activations, gradients
/// and scratch, so that running it allocates nothing.
/// </summary>
/// <remarks>
/// Like everything on its backend, a plan is for one thread at a time. A call while another thread is in a call on that backend, Dispose
/// included, changes nothing and throws an <see cref="InvalidOperationException"/>. Threads may use it one after the other; see
/// <see cref="Layers.Backend"/>.
/// </remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(new Gru(2, 32), new Linear(32, 1));
/// using Plan plan = model.Plan(backend, maxLength: 100, maxBatch: 8, Mode.Training);
/// using var loss = new MeanSquaredError(plan);
/// using var adam = new Adam(plan, learningRate: 1e-3f);
///
/// float[] x = new float[50 * 4 * 2]; // [T, B, C]: any T and B up to the plan's
/// float[] targets = new float[50 * 4 * 1];
/// plan.Forward(x, length: 50, batch: 4);
/// plan.Backward(loss.Compute(targets)); // gradients: plan.Gradient("0.weight_ih_l0")
/// adam.Step();
/// float[] y = plan.Output.ToArray(); // [50, 4, 1]
/// </code>
/// </example>
public sealed partial class Plan : IDisposable
{
    private readonly PlannedLayer _root;
    private readonly Preparations _preparations;
    private readonly BackwardPass? _backward;
    private readonly IReadOnlyList<Storage> _storages;
    private readonly Slot _input;
    private readonly IDisposable? _staging;
    private readonly RandomStream _random;
    private readonly bool _draws;
    private readonly SequenceLayout? _layout;
    private readonly Slot? _packedInput;
    private readonly Slot? _unpackedOutput;
    private readonly StreamPosition _position;
    private readonly Tensor _states;
    private readonly PlanStates? _layerStates;
    private readonly bool _carriesWindows;
    private int _streamBatch;
    private readonly bool _inputGradient;
    private bool _forwardDone;

    // Whether a pass began and did not end.
    private bool _streamIsTorn;
    private bool _gradientsAreTorn;
    private Tensor _x;
    private int _inputWrites;
    private int _outputWrites;
    private bool _packedByCaller;
    private IReadOnlyList<(string Layer, Tensor Output)>? _replayed;
    private readonly (Storage Storage, long First, long Count) _spare;
    private bool _spareIsTaken;
    private bool _spareIsStale;
    private readonly bool _lendsOutput;
    private bool _outputIsTaken;
    private bool _outputIsGradient;
    private Tensor _output;
    private bool _disposed;

    internal Plan(
        Layer model,
        Backend backend,
        int maxLength,
        int maxBatch,
        Mode mode,
        PlanOptions options
    )
    {
        Model = model;
        Backend = backend;
        MaxLength = maxLength;
        MaxBatch = maxBatch;
        Mode = mode;
        Store = model.Store!;
        var builder = new PlanBuilder(backend, Store, maxLength, maxBatch, mode)
        {
            InputGradient = options.InputGradient,
            States = options.States,
            CarriesWindows = options.Carry && mode != Mode.Streaming,
        };
        _carriesWindows = builder.CarriesWindows;
        _position = builder.Position;
        (MemoryGroup, LayerNames) = (builder.Group, builder.LayerNames);
        if (mode == Mode.Streaming && options.VariableLengths)
        {
            throw new ArgumentException(
                "A stream has no lengths: each sequence goes on as long as it is given steps.",
                nameof(options)
            );
        }
        if (mode == Mode.Streaming && options.States)
        {
            throw new ArgumentException(
                "A stream carries its states by itself; GetState and SetState copy them.",
                nameof(options)
            );
        }
        if (options.Carry && (options.VariableLengths || options.States))
        {
            throw new ArgumentException(
                options.VariableLengths
                    ? "A plan with Carry has no lengths: all sequences of a window have as many steps, so that the next window goes on from each of them."
                    : "A plan with Carry carries its states by itself; GetState and SetState copy them.",
                nameof(options)
            );
        }
        PlannedLayer? root = null;
        Slot? layoutTable = null;
        Slot? staging = null;
        Slot? marks = null;
        try
        {
            builder.UseRandom(options.Seed);
            _random = builder.Random!;
            var input = new Shape(maxLength, maxBatch, model.InputSize);
            _input = builder.Kept(input, MemoryCategory.InputOutput);
            if (mode == Mode.Training && backend.StagesUploads(input.Count))
                staging = builder.Kept(input, MemoryCategory.InputOutput);
            _inputGradient = options.InputGradient && mode == Mode.Training;
            if (options.VariableLengths)
            {
                _ = checked(maxLength * maxBatch);
                _layout = builder.Layout = new SequenceLayout(maxLength, maxBatch);
                _loadedLengths = new int[maxBatch];
                _packedInput = builder.Kept(input, MemoryCategory.InputOutput);
                int count = backend.LayoutCount(maxLength, maxBatch);
                if (count > 0)
                    layoutTable = builder.Kept(new Shape(count), MemoryCategory.Workspace);
            }
            var fallbacks = new List<string>();
            if (options.Resets)
            {
                _resets = builder.Marks = new StepResets(
                    maxLength,
                    maxBatch,
                    builder.Carries ? 1 : 0
                );
                marks = builder.Kept(new Shape(_resets.Count), MemoryCategory.InputOutput);
            }
            IReadOnlyList<long> gradients = Rehearsal.Run(
                model,
                backend,
                input,
                mode,
                _inputGradient,
                options.Seed,
                _layout,
                _carriesWindows,
                options.GradientInOutput,
                fallbacks,
                _resets
            );
            root = PlannedLayer.Of(builder, "", model, input, out Shape output);
            MaxOutput = output;
            // Unless the model pools over time, its output is packed as well, and needs room for the padded copy.
            if (builder.Layout is not null)
                _unpackedOutput = builder.Kept(output, MemoryCategory.InputOutput);
            if (options.States)
                _layerStates = new PlanStates(model, builder.LayerStates);
            LibraryRandoms = builder.LibraryRandoms;
            Fallbacks = [.. builder.Fallbacks, .. fallbacks];
            Gradients = builder.AllGradients;
            _storages = builder.Build(gradients);
            if (staging is not null)
                _staging = backend.StageUploads(_input.All.Storage, staging.All.Storage);
            _lendsOutput = builder.Training && options.GradientInOutput && !root.NeedsOutput;
            if (builder.Training)
                _backward = new BackwardPass(
                    backend,
                    root,
                    builder.Preparations,
                    builder.Gradients,
                    _layout,
                    _unpackedOutput is not null,
                    _lendsOutput,
                    _inputGradient
                );
            _spare = builder.Spare;
            Storage place = _input.All.Storage;
            _own =
            [
                .. _storages.Where(s => s != place).Select(RangeOf),
                RangeOf(Store.State.Storage),
            ];
            _draws = builder.Training && builder.Draws;
            if (_draws)
                backend.Prepare(OperationKind.Random);
            if (_layout is not null)
                backend.Prepare(OperationKind.Sequences);
            if (layoutTable is not null)
                _layout!.OnDevice = layoutTable.All;
            if (marks is not null)
            {
                _resets!.Words = marks.All;
                backend.Fill(marks.All, 0f);
            }
            _layerStates?.Clear();
            _states = builder.AllStates;
            CarriedStates = [.. builder.NamedStates()];
            if (builder.Carries)
                _streamLayout = new StreamLayout(model, backend, maxBatch, builder.StateShapes);
            if (!_states.IsEmpty)
                backend.Fill(_states, 0f);
            // The gaps between parameters stay zero, and the first Backward may accumulate.
            if (!Gradients.IsEmpty)
                backend.Fill(Gradients, 0f);
            _root = root;
            _preparations = builder.Preparations;
        }
        catch (Exception e)
        {
            _staging?.Dispose();
            root?.Dispose();
            builder.Abandon();
            if (e is OverflowException or OutOfMemoryException)
                throw new DeviceMemoryException(
                    $"A plan for {Amount.Of(maxLength, "step")} of {Amount.Of(maxBatch, "sequence")} has more values than {(e is OverflowException ? "can be addressed" : "this process has memory for")}.",
                    e
                );
            throw;
        }
    }

    /// <summary>The model whose parameters this plan uses.</summary>
    public Layer Model { get; }

    /// <summary>The backend that it runs on.</summary>
    public Backend Backend { get; }

    /// <summary>The largest number of steps, T, that an input may have.</summary>
    public int MaxLength { get; }

    /// <summary>The largest number of sequences, B, that an input may have.</summary>
    public int MaxBatch { get; }

    /// <summary>Whether the plan trains, evaluates or streams.</summary>
    public Mode Mode { get; }

    /// <summary>The output's shape at the largest input; its T is 1 where the model pools over time.</summary>
    public Shape MaxOutput { get; }

    /// <summary>All parameters in one block.</summary>
    public Tensor Parameters => Store.Parameters;

    /// <summary>The gradients of all parameters in one block, laid out as <see cref="Parameters"/>; empty unless in training.</summary>
    public Tensor Gradients { get; }

    /// <summary>The output of the last Forward or ForwardPacked; empty before it.</summary>
    /// <exception cref="InvalidOperationException">
    /// Its gradient has been written over it: <see cref="PlanOptions.GradientInOutput"/>.
    /// </exception>
    public Tensor Output
    {
        get =>
            !_outputIsGradient
                ? _output
                : throw new InvalidOperationException(
                    "The output has been written over by its gradient, as the plan was made with PlanOptions.GradientInOutput: read it, or compute another loss of it, between Forward and that loss's Compute."
                );
        private set => _output = value;
    }

    /// <summary>Whether the output's gradient lies in its place, so that there is no output.</summary>
    internal bool OutputIsGradient => _outputIsGradient;

    /// <summary>The place of <see cref="Output"/>, whether the output or its gradient is in it.</summary>
    internal Tensor OutputPlace => _output;

    /// <summary>
    /// What this backend computes in another way than was asked for: the layer or the product, how instead, and why. Results are the same up to
    /// rounding.
    /// </summary>
    public IReadOnlyList<string> Fallbacks { get; }

    /// <summary>
    /// The gradient of the input from the last <see cref="Backward"/>; empty without <see cref="PlanOptions.InputGradient"/>.
    /// </summary>
    public Tensor InputGradient { get; private set; }

    /// <summary>The initial and final states of the recurrent layers, and their gradients.</summary>
    /// <exception cref="InvalidOperationException">The plan was made without states.</exception>
    /// <exception cref="ObjectDisposedException">The plan was disposed.</exception>
    public PlanStates States
    {
        get
        {
            RequireLive();
            return _layerStates
                ?? throw new InvalidOperationException(
                    "States need a plan made with PlanOptions.States."
                );
        }
    }

    internal ParameterStore Store { get; }

    /// <summary>How many steps of sequences forward passes have taken so far, padding not counted.</summary>
    internal long Tokens { get; private set; }

    /// <summary>Stands for this plan, its losses and optimizers among owners of memory.</summary>
    internal object MemoryGroup { get; }

    /// <summary>The full names of all layers that have passes.</summary>
    internal IReadOnlyCollection<string> LayerNames { get; }

    /// <summary>
    /// What the layers carry from call to call, under their names, in the order of the layers; empty where they carry nothing. Whoever
    /// writes it says with <see cref="ContinueStream"/> whose it is.
    /// </summary>
    internal IReadOnlyList<(string Name, Tensor State)> CarriedStates { get; } = [];

    /// <summary>The step that dropout draws numbers for, which checkpoints store.</summary>
    internal ulong RandomStep
    {
        get => _random.Step;
        set => _random.Step = value;
    }

    /// <summary>The states from which the backend's library draws dropout by itself, in the order of the layers.</summary>
    internal IReadOnlyList<LibraryRandom> LibraryRandoms { get; }

    /// <summary>The seed of dropout.</summary>
    internal ulong RandomSeed => _random.Seed;

    /// <summary>The plan's own memory for an input [T, B, C], which the caller writes before Forward.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1 or above the plan's limit.</exception>
    public Tensor Input(int length, int batch)
    {
        using OwnerScope inside = Backend.Enter("Plan.Input");
        RequireLive();
        RequireSizes(length, batch);
        CurrentInput = new Shape(length, batch, Model.InputSize);
        _input.All.Storage.IsReplaced = false;
        return _input.For(length, batch);
    }

    /// <summary>The shape that <see cref="Input"/> was last asked for; of rank 0 if it never was.</summary>
    internal Shape CurrentInput { get; private set; }

    /// <summary>The shape of the output for an input of shape <see cref="CurrentInput"/>.</summary>
    /// <exception cref="InvalidOperationException">The plan has not been asked for an input yet.</exception>
    internal Shape CurrentOutput =>
        CurrentInput.Rank == 0
            ? throw new InvalidOperationException("The plan was asked for no input yet.")
            : new Shape(
                MaxOutput.First == 1 ? 1 : CurrentInput.First,
                CurrentInput[1],
                MaxOutput.Columns
            );

    /// <summary>
    /// Copies an input to the plan's memory without running the model. With a <see cref="StepGraph"/> this comes before the step, outside
    /// the work that is recorded.
    /// </summary>
    /// <param name="x">The values [T, B, C], row-major.</param>
    /// <param name="length">T, the number of steps.</param>
    /// <param name="batch">B, the number of sequences.</param>
    /// <param name="lengths">The steps of each sequence, from 1 to T; empty where all have T.</param>
    /// <returns>
    /// The input, for <see cref="Forward(Tensor, ReadOnlySpan{int})"/>. A Forward that is given no lengths uses these, until the input is
    /// loaded or written anew.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// A size or a length is out of range, x does not have T * B * C values, or the model begins with an <see cref="Embedding"/> and a
    /// value is not a class.
    /// </exception>
    public Tensor SetInput(
        ReadOnlySpan<float> x,
        int length,
        int batch,
        ReadOnlySpan<int> lengths = default
    )
    {
        using OwnerScope inside = Backend.Enter("Plan.SetInput");
        Tensor input = Input(length, batch);
        RequireLengths(lengths, length, batch);
        RequireClasses(x, batch, lengths);
        _resets?.ClearUsed();
        input.Write(x);
        KeepLengths(lengths, input);
        return input;
    }

    /// <summary>
    /// Lends scratch memory that no layer uses from the end of a forward pass until the last layer's backward pass is done. A loss puts the
    /// gradient of the output there. Null if there is not enough of it, or if it is already lent.
    /// </summary>
    internal (Storage Storage, long First)? Borrow(long count)
    {
        if (_spareIsTaken || _spare.Count < count)
            return null;
        _spareIsTaken = true;
        return (_spare.Storage, _spare.First);
    }

    /// <summary>Takes back what <see cref="Borrow"/> lent.</summary>
    internal void GiveBack() => _spareIsTaken = false;

    /// <summary>
    /// Lends the place of the output to a loss, which writes the gradient over it and tells so by <see cref="FillOutput"/>. False where the
    /// plan was not made for it, where backward passes read the output, or where it is already lent.
    /// </summary>
    internal bool BorrowOutput()
    {
        bool lent = _lendsOutput && !_outputIsTaken;
        _outputIsTaken |= lent;
        return lent;
    }

    /// <summary>Takes back what <see cref="BorrowOutput"/> lent.</summary>
    internal void GiveBackOutput() => _outputIsTaken = false;

    /// <summary>The outputs of the layers of the last forward pass.</summary>
    internal IReadOnlyList<(string Layer, Tensor Output)> LayerOutputs => [.. _root.Outputs];

    /// <summary>Notes that a recorded step ran again. It leaves its layers' outputs where they were when it was recorded.</summary>
    internal void Replayed(IReadOnlyList<(string Layer, Tensor Output)> layers)
    {
        RequireLive();
        _replayed = layers;
        _forwardDone = false;
    }

    internal bool IsDisposed => _disposed;

    /// <summary>Frees everything but the parameters; a second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = Backend.Enter("Plan.Dispose");
        if (_disposed)
            return;
        Backend.Tracer?.Stop(StepTracer.Beside);
        _disposed = true;
        _gradientCopy?.Dispose();
        _staging?.Dispose();
        _root.Dispose();
        _preparations.Dispose();
        _random.Dispose();
        foreach (Storage storage in _storages)
            storage.Dispose();
    }
}
