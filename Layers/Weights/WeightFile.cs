using System.Runtime.InteropServices;

namespace Sequor.Layers;

/// <summary>Moves the tensors of a model to a safetensors file and back, whatever they are called there.</summary>
internal static class WeightFile
{
    /// <summary>Writes the tensors under all their names.</summary>
    /// <exception cref="InvalidOperationException">The model is on no backend yet.</exception>
    /// <exception cref="IOException">The file cannot be written; an old one is as it was.</exception>
    public static void Save(
        string path,
        Layer model,
        IReadOnlyList<FileTensor> tensors,
        IReadOnlyDictionary<string, string> metadata
    )
    {
        model.RequireLive();
        if (!IsPlaced(model))
            throw new InvalidOperationException(
                "The model has no values to save yet: call Initialize, Plan or Load before."
            );
        Safetensors.Write(
            path,
            tensors.SelectMany(
                tensor => tensor.Names,
                (tensor, name) => SafetensorsTensor.Of(name, tensor.Tensor.Values, tensor.Shape)
            ),
            metadata
        );
    }

    /// <summary>Reads the tensors. All is read and checked before anything changes.</summary>
    /// <param name="file">The file.</param>
    /// <param name="model">Whose tensors they are.</param>
    /// <param name="tensors">What the file must hold.</param>
    /// <param name="backend">Where a model goes that is on no backend yet.</param>
    /// <param name="ignored">Whether a tensor of the file is passed over.</param>
    /// <exception cref="InvalidOperationException">The model is on another backend, or on none and none is given.</exception>
    /// <exception cref="SafetensorsException">The file does not fit the model; the message lists all that differs.</exception>
    public static void Load(
        SafetensorsFile file,
        Layer model,
        IReadOnlyList<FileTensor> tensors,
        Backend? backend,
        Func<string, bool> ignored
    )
    {
        model.RequireLive();
        bool placed = IsPlaced(model);
        if (!placed && backend is null)
            throw new InvalidOperationException(
                "The model is on no backend yet: say which it is to be loaded to, or call Initialize or Plan before."
            );
        if (placed && backend is not null && tensors.Any(t => t.Tensor.Values.Backend != backend))
            throw new InvalidOperationException("The model's parameters live on another backend.");

        var differences = new List<string>();
        List<float[]?> values = [.. tensors.Select(tensor => Read(file, tensor, differences))];
        HashSet<string> known = [.. tensors.SelectMany(t => t.Names.Concat(t.OtherNames))];
        foreach (SafetensorsEntry entry in file.Entries)
        {
            if (!known.Contains(entry.Name) && !ignored(entry.Name))
                differences.Add($"{Shorten(entry.Name)}: {entry} in the file, none here");
        }
        if (differences.Count > 0)
        {
            throw new SafetensorsException(
                $"'{file.Path}' does not fit the model:"
                    + string.Concat(differences.Select(line => $"\n  {line}"))
            );
        }

        if (!placed)
            model.Initialize(backend!);
        for (int i = 0; i < values.Count; i++)
            tensors[i].Tensor.Values.Write(values[i]!);
    }

    // A part of a model is where the model is.
    private static bool IsPlaced(Layer model) =>
        model.Store is not null
        || (
            model.NamedParameters().Any()
            && model.NamedParameters().All(named => named.Parameter.Owner is not null)
        );

    // The values, or null where something differs.
    private static float[]? Read(SafetensorsFile file, FileTensor tensor, List<string> differences)
    {
        SafetensorsEntry[] entries =
        [
            .. tensor.Names.Concat(tensor.OtherNames).Select(file.Find).OfType<SafetensorsEntry>(),
        ];
        if (entries.Length == 0)
            differences.Add($"{tensor.Names[0]}: none in the file, {tensor} here");
        int before = differences.Count;
        foreach (SafetensorsEntry entry in entries)
        {
            if (!IsFloat(entry.Type) || !entry.Shape.SequenceEqual(tensor.Shape))
                differences.Add($"{entry.Name}: {entry} in the file, {tensor} here");
        }
        if (entries.Length == 0 || differences.Count > before)
            return null;
        float[] values = file.ReadFloats(entries[0].Name);
        foreach (SafetensorsEntry copy in entries.Skip(1))
        {
            if (!SameBits(values, file.ReadFloats(copy.Name)))
                differences.Add(
                    $"{copy.Name}: other values than {entries[0].Name}, though both are one tensor here"
                );
        }
        return values;
    }

    private static bool IsFloat(SafetensorsType type) =>
        type
            is SafetensorsType.F32
                or SafetensorsType.F64
                or SafetensorsType.F16
                or SafetensorsType.BF16;

    private static bool SameBits(float[] a, float[] b) =>
        MemoryMarshal.AsBytes<float>(a).SequenceEqual(MemoryMarshal.AsBytes<float>(b));

    // Names from the file may be of any length.
    private static string Shorten(string name) => SafetensorsHeader.Shorten(name);
}
