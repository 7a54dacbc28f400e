namespace Sequor.Layers;

/// <summary>The parameters of a model in one block of a backend's memory, followed by its buffers.</summary>
internal sealed class ParameterStore : IDisposable
{
    private readonly Storage _storage;

    public ParameterStore(Backend backend, Layer model)
    {
        Backend = backend;
        Named = [.. model.NamedParameters()];
        Buffers = [.. model.NamedBuffers()];
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (NamedParameter named in All())
        {
            if (!names.Add(named.Name))
                throw new InvalidOperationException(
                    $"Two parameters or buffers of the model are called {named.Name}."
                );
            if (named.Parameter.Owner is not null)
                throw new InvalidOperationException(
                    $"Parameter {named.Name} is part of another model; a layer can be in one at a time."
                );
        }
        Count = Lay(backend, model, 0);
        StateCount = Count;
        foreach (NamedParameter buffer in Buffers)
        {
            buffer.Parameter.Offset = StateCount;
            StateCount += backend.Align(buffer.Parameter.Shape.Count);
        }
        if (StateCount > int.MaxValue)
            throw new DeviceMemoryException(
                $"The model's parameters take a block of {StateCount} values, gaps included; it can have {int.MaxValue}."
            );
        Shares = [.. SharesOf(backend, model, "", buffers: false)];
        (string, long)[] all = [.. Shares, .. SharesOf(backend, model, "", buffers: true)];
        using (backend.AllocateFor(new MemoryOwner(Group, "parameters", shares: all)))
            _storage = backend.Allocate(Math.Max(StateCount, 1), MemoryCategory.Parameters);
        try
        {
            backend.Fill(State, 0f);
        }
        catch
        {
            _storage.Dispose();
            throw;
        }
        foreach (NamedParameter named in All())
            named.Parameter.Owner = this;
    }

    public Backend Backend { get; }

    /// <summary>Whether the model has been disposed.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>The parameters.</summary>
    public IReadOnlyList<NamedParameter> Named { get; }

    /// <summary>The values that are kept without gradients.</summary>
    public IReadOnlyList<NamedParameter> Buffers { get; }

    /// <summary>The size of the block of parameters in floats, gaps included; gaps stay zero.</summary>
    public long Count { get; }

    /// <summary>The size of parameters and buffers in floats, gaps included.</summary>
    public long StateCount { get; }

    /// <summary>Stands for the model among owners of memory.</summary>
    public object Group { get; } = new();

    /// <summary>The layers, by full name, and the bytes that their parameters take of the block, gaps behind them included.</summary>
    public IReadOnlyList<(string Layer, long Bytes)> Shares { get; }

    /// <summary>All parameters, as one row.</summary>
    public Tensor Parameters => Block(_storage);

    /// <summary>Everything that makes up the model: parameters, then buffers, as one row.</summary>
    public Tensor State => StateBlock(_storage);

    /// <summary>All parameters, then all buffers.</summary>
    public IEnumerable<NamedParameter> All() => Named.Concat(Buffers);

    /// <summary>Sees a block with as many floats as the parameters as one row.</summary>
    public Tensor Block(Storage storage) => new(storage, 0, new Shape(checked((int)Count)));

    /// <summary>Sees a block with as many floats as parameters and buffers as one row.</summary>
    public Tensor StateBlock(Storage storage) =>
        new(storage, 0, new Shape(checked((int)StateCount)));

    public void Initialize(ulong seed)
    {
        var drawn = new Dictionary<Parameter, float[]>();
        ulong stream = 0;
        foreach ((_, Parameter parameter) in All())
        {
            float[] values = new float[parameter.Shape.Count];
            parameter.Initialize(seed, stream++, values, drawn);
            drawn[parameter] = values;
            View(_storage, parameter).Write(values);
        }
    }

    public Tensor View(Parameter parameter) => View(_storage, parameter);

    /// <summary>How often a parameter or a buffer has changed; what is made of them holds as long as this stays.</summary>
    public long Changes => _storage.Changes;

    /// <summary>Notes that they change, by work that is queued elsewhere, such as a step that is replayed.</summary>
    public void NoteChange() => _storage.NoteChange();

    /// <summary>A parameter's place in a block that is laid out like this one.</summary>
    public static Tensor View(Storage storage, Parameter parameter) =>
        new(storage, parameter.Offset, parameter.Shape);

    // As Lay places them, and the buffers as the constructor does.
    private static IEnumerable<(string Layer, long Bytes)> SharesOf(
        Backend backend,
        Layer layer,
        string name,
        bool buffers
    )
    {
        long count =
            buffers ? layer.Buffers.Sum(p => backend.Align(p.Shape.Count))
            : layer.LayoutOn(backend) is { } layout ? backend.Align(layout.Count)
            : layer.Parameters.Sum(p => backend.Align(p.Shape.Count));
        if (count > 0)
            yield return (name, count * sizeof(float));
        foreach ((string child, Layer inner) in layer.Children)
        {
            string full = name.Length == 0 ? child : $"{name}.{child}";
            foreach ((string, long) share in SharesOf(backend, inner, full, buffers))
                yield return share;
        }
    }

    private static long Lay(Backend backend, Layer layer, long offset)
    {
        if (layer.LayoutOn(backend) is { } layout)
        {
            foreach (Parameter parameter in layer.Parameters)
                parameter.Offset = offset + layout.Offsets[parameter.Name];
            offset += backend.Align(layout.Count);
        }
        else
        {
            foreach (Parameter parameter in layer.Parameters)
            {
                parameter.Offset = offset;
                offset += backend.Align(parameter.Shape.Count);
            }
        }
        foreach ((_, Layer child) in layer.Children)
            offset = Lay(backend, child, offset);
        return offset;
    }

    public void Dispose()
    {
        if (IsDisposed)
            return;
        IsDisposed = true;
        foreach (NamedParameter named in All())
            named.Parameter.Owner = null;
        _storage.Dispose();
    }
}
