namespace Sequor.Layers;

/// <summary>
/// A model prepared to run on a backend up to a length and a batch size. It owns activations, gradients and scratch;
/// once made, running it allocates nothing.
/// </summary>
public sealed class Plan : IDisposable
{
    private readonly LayerPlan _root;
    private readonly IReadOnlyList<Storage> _storages;
    private readonly Slot _input;
    private readonly RandomStream _random;
    private readonly GradientFlow _flow;
    private readonly bool _inputGradient;
    private bool _forwardDone;
    private Tensor _x;

    internal Plan(
        Layer model,
        Backend backend,
        int maxLength,
        int maxBatch,
        Mode mode,
        bool inputGradient,
        ulong seed
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
            InputGradient = inputGradient,
        };
        LayerPlan? root = null;
        try
        {
            builder.UseRandom(seed);
            _random = builder.Random!;
            var input = new Shape(maxLength, maxBatch, model.InputSize);
            _input = builder.Kept(input, MemoryCategory.InputOutput);
            _inputGradient = inputGradient && mode == Mode.Training;
            if (_inputGradient)
                builder.RequireFlow(input.Count);
            root = model.CreatePlan(builder, input, out Shape output);
            MaxOutput = output;
            Gradients = builder.AllGradients;
            (_storages, _flow) = builder.Build();
            // The gaps between parameters stay zero, and a first Backward may accumulate.
            if (!Gradients.IsEmpty)
                backend.Fill(Gradients, 0f);
            _root = root;
        }
        catch (Exception e)
        {
            root?.Dispose();
            builder.Abandon();
            if (e is OverflowException)
                throw new DeviceMemoryException(
                    $"A plan for {maxLength} steps of {maxBatch} sequences has more values than can be addressed.",
                    e
                );
            throw;
        }
    }

    /// <summary>The model whose parameters this plan uses.</summary>
    public Layer Model { get; }

    /// <summary>Where it runs.</summary>
    public Backend Backend { get; }

    /// <summary>Largest T.</summary>
    public int MaxLength { get; }

    /// <summary>Largest B.</summary>
    public int MaxBatch { get; }

    /// <summary>What it can do.</summary>
    public Mode Mode { get; }

    /// <summary>The output's shape at the largest input; its T is 1 where the model pools over time.</summary>
    public Shape MaxOutput { get; }

    /// <summary>All parameters in one block.</summary>
    public Tensor Parameters => Store.All;

    /// <summary>The gradients of all parameters in one block, laid out as <see cref="Parameters"/>; empty in evaluation.</summary>
    public Tensor Gradients { get; }

    /// <summary>What the last <see cref="Forward(Tensor)"/> returned.</summary>
    public Tensor Output { get; private set; }

    /// <summary>Gradient by the input of the last <see cref="Backward"/>; empty unless asked for when planned.</summary>
    public Tensor InputGradient { get; private set; }

    internal ParameterStore Store { get; }

    /// <summary>The step that dropout draws for: part of what a checkpoint keeps.</summary>
    internal ulong RandomStep
    {
        get => _random.Step;
        set => _random.Step = value;
    }

    /// <summary>The seed that dropout draws by.</summary>
    internal ulong RandomSeed => _random.Seed;

    /// <summary>The plan's own room for an input of T steps of B sequences, to be written before Forward.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1 or beyond the plan's limit.</exception>
    public Tensor Input(int length, int batch)
    {
        RequireSizes(length, batch);
        return _input.For(length, batch);
    }

    /// <summary>Copies an input in and runs the model on it.</summary>
    /// <param name="x">Values [T, B, C], row-major.</param>
    /// <param name="length">T.</param>
    /// <param name="batch">B.</param>
    /// <returns>The output [T, B, C], in the plan's memory.</returns>
    /// <exception cref="ArgumentException">A size is out of range, or x has not T * B * C values.</exception>
    public Tensor Forward(ReadOnlySpan<float> x, int length, int batch)
    {
        Tensor input = Input(length, batch);
        input.Write(x);
        return Forward(input);
    }

    /// <summary>Runs the model. The input must stay as it is until Backward has run.</summary>
    /// <param name="x">[T, B, C] on this plan's backend.</param>
    /// <returns>The output [T, B, C], in the plan's memory, valid until the next call.</returns>
    /// <exception cref="ArgumentException">The input's shape does not fit the plan.</exception>
    public Tensor Forward(Tensor x)
    {
        if (x.IsEmpty || x.Shape.Rank != 3 || x.Shape.Columns != Model.InputSize)
        {
            throw new ArgumentException(
                $"The input must be [T, B, {Model.InputSize}], not {(x.IsEmpty ? "empty" : x.Shape)}.",
                nameof(x)
            );
        }
        RequireSizes(x.Shape.First, x.Shape[1]);
        if (x.Backend != Backend)
            throw new ArgumentException("The input lies on another backend.", nameof(x));
        if (Mode == Mode.Training)
            _random.Advance();
        _forwardDone = true;
        _x = x;
        return Output = _root.Forward(x);
    }

    /// <summary>Computes all gradients of the last forward pass.</summary>
    /// <param name="outputGradient">Gradient by the output, of its shape. It may be overwritten.</param>
    /// <param name="accumulate">Add to the parameters' gradients instead of replacing them.</param>
    /// <exception cref="ArgumentException">The shape is not the output's.</exception>
    /// <exception cref="InvalidOperationException">The plan is not for training, or no forward pass came before.</exception>
    public void Backward(Tensor outputGradient, bool accumulate = false)
    {
        if (Mode != Mode.Training)
            throw new InvalidOperationException("Backward needs a plan made for Mode.Training.");
        if (!_forwardDone)
            throw new InvalidOperationException("Backward needs a Forward before it.");
        if (outputGradient.IsEmpty || outputGradient.Shape != Output.Shape)
        {
            throw new ArgumentException(
                $"The gradient must be {Output.Shape} like the output, not {(outputGradient.IsEmpty ? "empty" : outputGradient.Shape)}.",
                nameof(outputGradient)
            );
        }
        if (!accumulate)
            Backend.Fill(Gradients, 0f);
        Tensor dx = _root.Backward(outputGradient);
        // Below the pooling of the last step it may be that of the last steps only.
        InputGradient = _inputGradient ? _flow.Whole(dx, _x.Shape.First) : default;
        _forwardDone = false;
    }

    /// <summary>A parameter of the model, by its full name.</summary>
    /// <exception cref="ArgumentException">No parameter has this name.</exception>
    public Tensor Parameter(string name) => Store.View(Find(name));

    /// <summary>The gradient of a parameter, by its full name.</summary>
    /// <exception cref="ArgumentException">No parameter has this name.</exception>
    /// <exception cref="InvalidOperationException">The plan is not for training.</exception>
    public Tensor Gradient(string name)
    {
        Parameter parameter = Find(name);
        return Gradients.IsEmpty
            ? throw new InvalidOperationException("Gradients need a plan made for Mode.Training.")
            : ParameterStore.View(Gradients.Storage, parameter);
    }

    /// <summary>
    /// The first tensor of the last forward pass that holds a value that is not finite: the input, a layer's output with the
    /// parameters of that layer before it, or a gradient; null where there is none. Reads everything back: for finding
    /// out what went wrong, not for a step.
    /// </summary>
    public string? FirstNonFinite()
    {
        if (!_x.IsEmpty && !IsFinite(_x))
            return $"input {_x.Shape}";
        var parameters = new List<NamedParameter>(Store.Named);
        foreach ((string layer, Tensor output) in _root.Outputs)
        {
            foreach (NamedParameter named in parameters.Where(p => Belongs(p, layer)))
            {
                if (!IsFinite(Store.View(named.Parameter)))
                    return $"parameter {named.Name} {named.Parameter.Shape}";
            }
            if (!IsFinite(output))
                return $"output of layer {layer} {output.Shape}";
        }
        foreach (NamedParameter named in parameters)
        {
            if (!IsFinite(Store.View(named.Parameter)))
                return $"parameter {named.Name} {named.Parameter.Shape}";
        }
        if (!Output.IsEmpty && !IsFinite(Output))
            return $"output {Output.Shape}";
        foreach (NamedParameter named in parameters)
        {
            if (
                !Gradients.IsEmpty
                && !IsFinite(ParameterStore.View(Gradients.Storage, named.Parameter))
            )
                return $"gradient of {named.Name} {named.Parameter.Shape}";
        }
        return null;
    }

    private static bool Belongs(NamedParameter parameter, string layer) =>
        parameter.Name.StartsWith(layer + ".", StringComparison.Ordinal);

    private static bool IsFinite(Tensor tensor)
    {
        foreach (float value in tensor.ToArray())
        {
            if (!float.IsFinite(value))
                return false;
        }
        return true;
    }

    /// <summary>Frees everything but the parameters.</summary>
    public void Dispose()
    {
        _root.Dispose();
        _random.Dispose();
        foreach (Storage storage in _storages)
            storage.Dispose();
    }

    private Parameter Find(string name)
    {
        foreach (NamedParameter named in Store.Named)
        {
            if (named.Name == name)
                return named.Parameter;
        }
        throw new ArgumentException(
            $"No parameter '{name}'; there are: {string.Join(", ", Store.Named.Select(p => p.Name))}.",
            nameof(name)
        );
    }

    private void RequireSizes(int length, int batch)
    {
        if (length < 1 || length > MaxLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length),
                length,
                $"The length must be 1 to {MaxLength}, the plan's limit."
            );
        }
        if (batch < 1 || batch > MaxBatch)
        {
            throw new ArgumentOutOfRangeException(
                nameof(batch),
                batch,
                $"The batch must be 1 to {MaxBatch}, the plan's limit."
            );
        }
    }
}
