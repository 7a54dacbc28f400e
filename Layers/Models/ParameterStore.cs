namespace Sequor.Layers;

/// <summary>The parameters of a model in one block of a backend's memory.</summary>
internal sealed class ParameterStore : IDisposable
{
    // A cache line, so that each parameter begins on one.
    private const int Alignment = 16;

    private readonly Storage _storage;

    public ParameterStore(Backend backend, Layer model)
    {
        Backend = backend;
        Named = [.. model.NamedParameters()];
        foreach (NamedParameter named in Named)
        {
            if (named.Parameter.Owner is not null)
                throw new InvalidOperationException(
                    $"Parameter {named.Name} is part of another model; a layer can be in one at a time."
                );
        }
        Count = Lay(backend, model, 0);
        _storage = backend.Allocate(Math.Max(Count, 1), MemoryCategory.Parameters);
        backend.Fill(Block(_storage), 0f);
        foreach (NamedParameter named in Named)
            named.Parameter.Owner = this;
    }

    public Backend Backend { get; }

    public IReadOnlyList<NamedParameter> Named { get; }

    /// <summary>Size of the block in floats, gaps included; gaps stay zero.</summary>
    public long Count { get; }

    public Tensor All => Block(_storage);

    /// <summary>A block of the same size seen as one row.</summary>
    public Tensor Block(Storage storage) => new(storage, 0, new Shape(checked((int)Count)));

    public void Initialize(ulong seed)
    {
        var drawn = new Dictionary<Parameter, float[]>();
        for (int i = 0; i < Named.Count; i++)
        {
            Parameter parameter = Named[i].Parameter;
            float[] values = new float[parameter.Shape.Count];
            parameter.Initialize(seed, (ulong)i, values, drawn);
            drawn[parameter] = values;
            View(_storage, parameter).Write(values);
        }
    }

    public Tensor View(Parameter parameter) => View(_storage, parameter);

    /// <summary>A parameter's place in a block that is laid out like this one.</summary>
    public static Tensor View(Storage storage, Parameter parameter) =>
        new(storage, parameter.Offset, parameter.Shape);

    private static long Lay(Backend backend, Layer layer, long offset)
    {
        if (layer.LayoutOn(backend) is { } layout)
        {
            foreach (Parameter parameter in layer.Parameters)
                parameter.Offset = offset + layout.Offsets[parameter.Name];
            offset += Align(layout.Count);
        }
        else
        {
            foreach (Parameter parameter in layer.Parameters)
            {
                parameter.Offset = offset;
                offset += Align(parameter.Shape.Count);
            }
        }
        foreach ((_, Layer child) in layer.Children)
            offset = Lay(backend, child, offset);
        return offset;
    }

    private static long Align(long count) => (count + Alignment - 1) / Alignment * Alignment;

    public void Dispose()
    {
        foreach (NamedParameter named in Named)
            named.Parameter.Owner = null;
        _storage.Dispose();
    }
}
