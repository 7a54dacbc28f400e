namespace Sequor.Layers;

/// <summary>A tensor in a safetensors file: its type and shape, and where its values lie.</summary>
public sealed class SafetensorsEntry
{
    internal SafetensorsEntry(
        string name,
        SafetensorsType type,
        string typeName,
        IReadOnlyList<long> shape,
        long count,
        long offset,
        long byteCount
    )
    {
        Name = name;
        Type = type;
        TypeName = typeName;
        Shape = shape;
        Count = count;
        Offset = offset;
        ByteCount = byteCount;
    }

    /// <summary>The name, unique in its file.</summary>
    public string Name { get; }

    /// <summary>The type of each value.</summary>
    public SafetensorsType Type { get; }

    /// <summary>The type's name in the file, such as F32, also for a type that is not known here.</summary>
    public string TypeName { get; }

    /// <summary>The sizes, outermost first, row-major; none for a single value.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of values.</summary>
    public long Count { get; }

    /// <summary>The size of the values in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>The position of the first value, in bytes from the beginning of the file.</summary>
    public long Offset { get; }

    /// <summary>The type and the sizes, as in F32 [24, 16].</summary>
    public override string ToString() => Describe(TypeName, Shape);

    internal static string Describe(SafetensorsType type, IEnumerable<long> shape) =>
        Describe(SafetensorsTypes.NameOf(type), shape);

    internal static string Describe(string type, IEnumerable<long> shape) =>
        $"{type} [{string.Join(", ", shape)}]";
}
