namespace Sequor.Layers;

/// <summary>A tensor of a safetensors file: what it is and where its values lie.</summary>
public sealed class SafetensorsEntry
{
    internal SafetensorsEntry(
        string name,
        SafetensorsType type,
        IReadOnlyList<long> shape,
        long offset,
        long byteCount
    )
    {
        Name = name;
        Type = type;
        Shape = shape;
        Offset = offset;
        ByteCount = byteCount;
    }

    /// <summary>The name, unique in its file.</summary>
    public string Name { get; }

    /// <summary>The type of each value.</summary>
    public SafetensorsType Type { get; }

    /// <summary>The sizes, outermost first, row-major; none for a single value.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Number of values.</summary>
    public long Count => ByteCount / SafetensorsTypes.Width(Type);

    /// <summary>Size of the values in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>The first value's byte, from the beginning of the file.</summary>
    public long Offset { get; }

    /// <summary>Type and sizes, as in F32 [24, 16].</summary>
    public override string ToString() => Describe(Type, Shape);

    internal static string Describe(SafetensorsType type, IEnumerable<long> shape) =>
        $"{SafetensorsTypes.NameOf(type)} [{string.Join(", ", shape)}]";
}
