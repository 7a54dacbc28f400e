using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// Saves everything that is needed to continue training in one safetensors file, and loads it. Parameters and buffers are named model.NAME,
/// the optimizer's state optimizer.MOMENT.NAME and optimizer.state, and tensors that a training loop adds extra.NAME. The metadata contain
/// the position in the data and the seed and step of dropout. Training that resumes from it on the same backend gives the same bits as
/// training that never stopped.
/// </summary>
/// <remarks>
/// A checksum in the metadata, sequor.checksum, covers every bit of the file. Files of version 1 of the format have none and are read
/// without.
/// <para>
/// On request a save keeps the checkpoint that it replaces as FILE.1, the one before as FILE.2, and so on; an error about a damaged
/// file names the newest of them that is undamaged. Two programs must not save to one file at the same time:
/// <see cref="CheckpointLock"/> keeps them apart.
/// </para>
/// <para>
/// cuDNN draws the dropout between the layers of a recurrent network from states of its own, which only the same version of it can read.
/// They are named dropout.I, where I counts such networks. If they cannot be restored, or there are none (after a run on a CPU), that
/// dropout continues with other masks, which are the same for the same seed and step; everything else is unchanged.
/// </para>
/// </remarks>
public static partial class Checkpoint
{
    private const string FormatKey = "format";
    private const string FormatName = "sequor.checkpoint/";
    private const string Format = FormatName + "2";
    private const string UncheckedFormat = FormatName + "1";
    private const string Reserved = "sequor.";
    private const string PositionKey = Reserved + "position";
    private const string StepKey = Reserved + "random_step";
    private const string SeedKey = Reserved + "random_seed";
    private const string OptimizerKey = Reserved + "optimizer";
    private const string SettingsKey = Reserved + "optimizer_settings";
    private const string ModelPrefix = "model.";
    private const string OptimizerPrefix = "optimizer.";
    private const string StateName = OptimizerPrefix + "state";
    private const string ExtraPrefix = "extra.";
    private const int MostListed = 10;

    /// <summary>Saves the state of training. An older file is replaced only once the new one is complete.</summary>
    /// <remarks>Values that are not finite are refused, since training could not continue from them.</remarks>
    /// <param name="path">The file to write.</param>
    /// <param name="plan">The training plan.</param>
    /// <param name="optimizer">The optimizer of this plan.</param>
    /// <param name="position">The index of the next batch, at least 0.</param>
    /// <param name="metadata">Texts to find again, such as architecture, task and sizes.</param>
    /// <param name="extra">Further tensors to continue from, with different names; they may hold any values.</param>
    /// <param name="keep">How many older files are kept as FILE.1 (the newest), FILE.2 and so on, from 0 to 100.</param>
    /// <exception cref="ArgumentException">
    /// The optimizer belongs to another plan, the position is negative, or a text's name is "format" or begins with "sequor.".
    /// </exception>
    /// <exception cref="DivergedException">
    /// A parameter, a buffer or a value of the optimizer is not finite; an old file is unchanged.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written; an old one is unchanged.</exception>
    public static void Save(
        string path,
        Plan plan,
        Optimizer optimizer,
        long position,
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<(string Name, Tensor Tensor)>? extra = null,
        int keep = 0
    ) => Save(path, plan, optimizer, position, metadata, extra, finiteExtra: false, keep);

    // For the trainer with epochs, whose extra tensors must also be finite.
    internal static void Save(
        string path,
        Plan plan,
        Optimizer optimizer,
        long position,
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<(string Name, Tensor Tensor)>? extra,
        bool finiteExtra,
        int keep
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keep);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(keep, MostKept);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(metadata);
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        plan.RequireLive();
        RequireSame(plan, optimizer);
        using OwnerScope inside = plan.Backend.Enter("Checkpoint.Save");
        foreach (string key in metadata.Keys)
        {
            if (IsReserved(key))
                throw new ArgumentException(
                    $"The metadata's name '{key}' is kept for the checkpoint itself.",
                    nameof(metadata)
                );
        }
        var texts = new Dictionary<string, string>(metadata)
        {
            [FormatKey] = Format,
            [PositionKey] = position.ToString(CultureInfo.InvariantCulture),
            [StepKey] = plan.RandomStep.ToString(CultureInfo.InvariantCulture),
            [SeedKey] = plan.RandomSeed.ToString(CultureInfo.InvariantCulture),
            [OptimizerKey] = optimizer.Name,
            [SettingsKey] = optimizer.Settings,
        };
        if (NameOf(plan.LibraryRandoms) is { } library)
            texts[LibraryKey] = library;
        IEnumerable<SafetensorsTensor> tensors = ModelTensors(plan)
            .Concat(OptimizerTensors(optimizer))
            .Concat(Extra(extra))
            .Select(named => ToWrite(named, finiteExtra))
            .Concat(LibraryTensors(plan.LibraryRandoms));
        Safetensors.WriteChecked(path, tensors, texts, keep);
    }

    /// <summary>
    /// Reads a checkpoint's header, so that a model can be made to load it into. Only the header is checked; damage to the tensors is found
    /// when they are loaded.
    /// </summary>
    /// <param name="path">The file to read.</param>
    /// <exception cref="CheckpointException">The file is damaged, or is not a checkpoint.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public static CheckpointInfo ReadInfo(string path)
    {
        (SafetensorsFile file, Header header) = Open(path, whole: false);
        file.Dispose();
        return header.Info;
    }

    /// <summary>
    /// Loads a checkpoint. Everything is read and checked before anything changes, so after an error model, plan and optimizer are
    /// unchanged. Every bit of the file must be as it was written, and every value of model and optimizer finite.
    /// </summary>
    /// <param name="path">The file to read.</param>
    /// <param name="plan">A plan of a model of the same architecture; to continue training, with the same seed.</param>
    /// <param name="optimizer">
    /// The optimizer of this plan, of the same kind and settings; its learning rate is loaded. Null loads only the model's parameters and
    /// buffers, into a plan of any seed and mode.
    /// </param>
    /// <param name="extra">
    /// The extra tensors that were saved, to be loaded; none where only the parameters are loaded.
    /// </param>
    /// <param name="notes">
    /// Gets a line for each thing, in the file or missing from it, that keeps training from continuing with the same bits.
    /// </param>
    /// <returns>The index of the next batch.</returns>
    /// <exception cref="ArgumentException">The optimizer belongs to another plan.</exception>
    /// <exception cref="CheckpointException">
    /// The file is damaged, is not a checkpoint, or belongs to another model or optimizer.
    /// </exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public static long Load(
        string path,
        Plan plan,
        Optimizer? optimizer,
        IReadOnlyList<(string Name, Tensor Tensor)>? extra = null,
        ICollection<string>? notes = null
    ) => Load(path, plan, optimizer, extra, finiteExtra: false, notes);

    // For the trainer with epochs, whose extra tensors must also be finite.
    internal static long Load(
        string path,
        Plan plan,
        Optimizer? optimizer,
        IReadOnlyList<(string Name, Tensor Tensor)>? extra,
        bool finiteExtra,
        ICollection<string>? notes
    )
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.RequireLive();
        if (optimizer is not null)
            RequireSame(plan, optimizer);
        using OwnerScope inside = plan.Backend.Enter("Checkpoint.Load");
        (SafetensorsFile opened, Header header) = Open(path, whole: true);
        using SafetensorsFile file = opened;
        List<(string Name, Tensor Tensor)> tensors = [.. ModelTensors(plan), .. Extra(extra)];
        if (optimizer is not null)
            tensors.AddRange(OptimizerTensors(optimizer));
        List<string> differences = Differences(file, header, plan, optimizer, tensors);
        if (differences.Count > 0)
            throw new CheckpointException(Describe(path, differences));

        List<float[]> values = Read(file, tensors);
        float rate = optimizer is null ? 0 : values[^1][OptimizerUpdate.LearningRate];
        if (!(rate >= 0 && float.IsFinite(rate)))
            throw Unsound(path, $"'{path}' has a learning rate of {rate}.");
        if (FirstOdd(tensors, values, finiteExtra) is { } odd)
            throw Unsound(path, $"'{path}', {odd}: only finite values can be gone on from.");

        List<byte[]>? states = optimizer is null ? null : ReadLibrary(file, plan, notes);
        for (int i = 0; i < values.Count; i++)
            tensors[i].Tensor.Write(values[i]);
        if (optimizer is not null)
        {
            optimizer.LearningRate = rate;
            plan.RandomStep = header.RandomStep;
            PutBack(plan, states);
        }
        return header.Info.Position;
    }

    private static bool IsReserved(string key) =>
        key == FormatKey || key.StartsWith(Reserved, StringComparison.Ordinal);

    private static void RequireSame(Plan plan, Optimizer optimizer)
    {
        if (optimizer.Plan != plan)
            throw new ArgumentException(
                "The optimizer belongs to another plan.",
                nameof(optimizer)
            );
    }

    private static IEnumerable<(string Name, Tensor Tensor)> ModelTensors(Plan plan) =>
        ModelTensor.All(plan.Model).Select(t => (ModelPrefix + t.Name, t.Values));

    private static IEnumerable<(string Name, Tensor Tensor)> Extra(
        IReadOnlyList<(string Name, Tensor Tensor)>? extra
    ) => (extra ?? []).Select(named => (ExtraPrefix + named.Name, named.Tensor));

    // The optimizer's tensors, of which its state comes last.
    private static IEnumerable<(string Name, Tensor Tensor)> OptimizerTensors(Optimizer optimizer)
    {
        for (int i = 0; i < optimizer.StateNames.Count; i++)
        {
            foreach (NamedParameter named in optimizer.Plan.Store.Named)
            {
                yield return (
                    $"{OptimizerPrefix}{optimizer.StateNames[i]}.{named.Name}",
                    optimizer.Moment(i, named.Parameter)
                );
            }
        }
        yield return (StateName, optimizer.SavedState);
    }

    private static List<float[]> Read(
        SafetensorsFile file,
        List<(string Name, Tensor Tensor)> tensors
    ) => Guard(() => tensors.ConvertAll(named => file.ReadFloats(named.Name)));

    private static T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (SafetensorsException e)
        {
            throw new CheckpointException(e.Message, e);
        }
    }

    private static List<string> Differences(
        SafetensorsFile file,
        Header header,
        Plan plan,
        Optimizer? optimizer,
        List<(string Name, Tensor Tensor)> tensors
    )
    {
        var differences = new List<string>();
        bool sameKind = optimizer?.Name == header.Info.Optimizer;
        if (optimizer is not null)
            CompareOptimizer(header, plan, optimizer, differences);
        var expected = new HashSet<string>();
        foreach ((string name, Tensor tensor) in tensors)
        {
            expected.Add(name);
            // All tensors of another kind of optimizer would differ; an error that names the kind says it better.
            if (sameKind || !IsOptimizers(name))
                Compare(file.Find(name), name, tensor.Shape, differences);
        }
        foreach (SafetensorsEntry entry in file.Entries)
        {
            // The parameters can be loaded from any checkpoint that has them, whatever extra tensors it has.
            if (optimizer is null && entry.Name.StartsWith(ExtraPrefix, StringComparison.Ordinal))
                continue;
            // A checkpoint of another backend may have library states that this one has no use for.
            if (entry.Name.StartsWith(LibraryPrefix, StringComparison.Ordinal))
                continue;
            if (!expected.Contains(entry.Name) && (sameKind || !IsOptimizers(entry.Name)))
                differences.Add(
                    $"{Printable.Shortened(entry.Name)}: {entry} in the file, none here"
                );
        }
        return differences;
    }

    private static bool IsOptimizers(string name) =>
        name.StartsWith(OptimizerPrefix, StringComparison.Ordinal);

    private static void CompareOptimizer(
        Header header,
        Plan plan,
        Optimizer optimizer,
        List<string> differences
    )
    {
        string settings = optimizer.Settings;
        if (optimizer.Name != header.Info.Optimizer)
            differences.Add(
                $"optimizer: {Printable.Shortened(header.Info.Optimizer)} in the file, {optimizer.Name} here"
            );
        else if (settings != header.Settings)
            differences.Add(
                $"{optimizer.Name}: {Printable.Shortened(header.Settings, 300)} in the file, {settings} here"
            );
        if (plan.RandomSeed != header.Info.Seed)
            differences.Add($"seed: {header.Info.Seed} in the file, {plan.RandomSeed} here");
    }

    private static void Compare(
        SafetensorsEntry? entry,
        string name,
        Shape shape,
        List<string> differences
    )
    {
        string here = $"{SafetensorsTypes.NameOf(SafetensorsType.F32)} {shape}";
        string there = entry?.ToString() ?? "none";
        if (here != there)
            differences.Add($"{name}: {there} in the file, {here} here");
    }

    private static string Describe(string path, List<string> differences)
    {
        IEnumerable<string> lines = differences.Take(MostListed).Select(line => $"\n  {line}");
        int more = differences.Count - MostListed;
        return $"The checkpoint '{path}' does not fit:"
            + string.Concat(lines)
            + (more > 0 ? $"\n  and {more} more" : "");
    }
}
