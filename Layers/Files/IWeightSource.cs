namespace Sequor.Layers;

/// <summary>Tensors by name, from one safetensors file or from several.</summary>
internal interface IWeightSource : IDisposable
{
    /// <summary>The path of the file, or of the index, for messages.</summary>
    string Path { get; }

    /// <summary>All tensors. Their names are unique.</summary>
    IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <inheritdoc cref="SafetensorsFile.Find"/>
    SafetensorsEntry? Find(string name);

    /// <inheritdoc cref="SafetensorsFile.ReadFloats"/>
    float[] ReadFloats(string name);

    /// <inheritdoc cref="SafetensorsFile.ReadDoubles"/>
    double[] ReadDoubles(string name);
}
