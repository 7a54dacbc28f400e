using System.Globalization;
using System.Runtime.InteropServices;

namespace Sequor.Layers;

/// <summary>Saves the tensors of a model to a safetensors file and loads them from one, under the names given.</summary>
internal static class WeightFile
{
    /// <summary>Writes the tensors under all their names, followed by further ones.</summary>
    /// <exception cref="InvalidOperationException">The model is on no backend yet.</exception>
    /// <exception cref="IOException">The file cannot be written; an old one is unchanged.</exception>
    public static void Save(
        string path,
        Layer model,
        IReadOnlyList<FileTensor> tensors,
        IReadOnlyDictionary<string, string> metadata,
        IEnumerable<SafetensorsTensor>? more = null
    )
    {
        model.RequireLive();
        if (!IsPlaced(model))
            throw new InvalidOperationException(
                "The model has no values to save yet: call Initialize, Plan or Load before."
            );
        Safetensors.Write(
            path,
            tensors
                .SelectMany(
                    tensor => tensor.Names,
                    (tensor, name) => SafetensorsTensor.Of(name, tensor.Tensor.Values, tensor.Shape)
                )
                .Concat(more ?? []),
            metadata
        );
    }

    /// <summary>Loads the tensors. Everything is read and checked before anything changes.</summary>
    /// <param name="file">The file.</param>
    /// <param name="model">The model that they belong to.</param>
    /// <param name="tensors">The tensors that the file must hold.</param>
    /// <param name="backend">The backend for a model that is not on one yet.</param>
    /// <param name="ignored">Whether a tensor of the file is ignored.</param>
    /// <param name="advice">Gives lines that say what to do about a file that does not fit.</param>
    /// <exception cref="InvalidOperationException">The model is on another backend, or is on none and none is given.</exception>
    /// <exception cref="SafetensorsException">The file does not fit the model; the message lists all differences.</exception>
    public static void Load(
        IWeightSource file,
        Layer model,
        IReadOnlyList<FileTensor> tensors,
        Backend? backend,
        Func<string, bool> ignored,
        Func<IWeightSource, IEnumerable<string>>? advice = null
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
        HashSet<string> known = [.. tensors.SelectMany(t => t.Names.Concat(t.OtherNames))];
        List<float[]?> values = [];
        foreach (FileTensor tensor in tensors)
        {
            Substitute? instead = IsSubstituted(file, tensor) ? tensor.Instead : null;
            known.UnionWith(instead?.Names ?? []);
            values.Add(Read(file, tensor, instead, differences));
        }
        foreach (SafetensorsEntry entry in file.Entries)
        {
            if (!known.Contains(entry.Name) && !ignored(entry.Name))
                differences.Add($"{Shorten(entry.Name)}: {entry} in the file, none here");
        }
        if (differences.Count > 0)
        {
            throw new SafetensorsException(
                $"'{file.Path}' does not fit the model:"
                    + string.Concat(
                        differences.Concat(advice?.Invoke(file) ?? []).Select(line => $"\n  {line}")
                    )
            );
        }

        // A model with such values would compute NaN without telling where it came from.
        for (int i = 0; i < values.Count; i++)
        {
            if (NonFinite.Describe(values[i], tensors[i].Shape) is { } odd)
                throw new SafetensorsException(
                    $"'{file.Path}' holds no model to compute with: {Shorten(tensors[i].Names[0])} is {odd}."
                );
        }

        if (!placed)
            model.Initialize(backend!);
        for (int i = 0; i < values.Count; i++)
            tensors[i].Tensor.Values.Write(values[i]!);
    }

    // A layer of a model counts as placed where the model is.
    private static bool IsPlaced(Layer model) =>
        model.Store is not null
        || (
            model.NamedParameters().Any()
            && model.NamedParameters().All(named => named.Parameter.Owner is not null)
        );

    // A file that has both kinds of names is ambiguous, and is refused.
    private static bool IsSubstituted(IWeightSource file, FileTensor tensor) =>
        tensor.Instead is { } instead
        && instead.Names.Any(name => file.Find(name) is not null)
        && !tensor
            .Names.Concat(tensor.OtherNames)
            .Concat(instead.Unless)
            .Any(name => file.Find(name) is not null);

    // Returns the values, or null where something differs.
    private static float[]? Read(
        IWeightSource file,
        FileTensor tensor,
        Substitute? instead,
        List<string> differences
    )
    {
        IEnumerable<string> names = instead?.Names ?? tensor.Names.Concat(tensor.OtherNames);
        IReadOnlyList<long> shape = instead?.Shape ?? tensor.Shape;
        SafetensorsEntry[] entries = [.. names.Select(file.Find).OfType<SafetensorsEntry>()];
        if (entries.Length == 0)
            differences.Add($"{tensor.Names[0]}: none in the file, {tensor} here");
        int before = differences.Count;
        foreach (SafetensorsEntry entry in entries)
        {
            if (!IsFloat(entry.Type) || !entry.Shape.SequenceEqual(shape))
                differences.Add(
                    $"{entry.Name}: {entry} in the file, {SafetensorsEntry.Describe(SafetensorsType.F32, shape)} here"
                );
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
        RequireRange(file, entries[0], values, differences);
        return instead is null ? values : instead.Make(values, (int)shape[0]);
    }

    // A finite double that is too large for a float would become infinite, which is no rounding.
    private static void RequireRange(
        IWeightSource file,
        SafetensorsEntry entry,
        float[] values,
        List<string> differences
    )
    {
        if (entry.Type != SafetensorsType.F64 || !values.Any(float.IsInfinity))
            return;
        double[] exact = file.ReadDoubles(entry.Name);
        int beyond = Array.FindIndex(
            exact,
            value => double.IsFinite(value) && float.IsInfinity((float)value)
        );
        if (beyond >= 0)
            differences.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{entry.Name}: value {beyond} is {exact[beyond]}, beyond the range of F32"
                )
            );
    }

    private static bool IsFloat(SafetensorsType type) =>
        type
            is SafetensorsType.F32
                or SafetensorsType.F64
                or SafetensorsType.F16
                or SafetensorsType.BF16
                or SafetensorsType.F8E5M2
                or SafetensorsType.F8E4M3
                or SafetensorsType.F8E5M2Fnuz
                or SafetensorsType.F8E4M3Fnuz;

    private static bool SameBits(float[] a, float[] b) =>
        MemoryMarshal.AsBytes<float>(a).SequenceEqual(MemoryMarshal.AsBytes<float>(b));

    // Names from the file may be of any length.
    private static string Shorten(string name) => SafetensorsHeader.Shorten(name);
}
