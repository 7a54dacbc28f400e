using System.Reflection;
using System.Text.Json;

namespace Sequor.Workloads;

/// <summary>
/// The experiments that can be reproduced, with the papers' sizes and figures. They stand in the files of the catalogue's
/// folder Presets, which are read and checked whole when the first is asked for: a new file there is read as well.
/// </summary>
public static class Presets
{
    private const string Folder = "Presets/";
    private const string Schema = "sequor.presets/1";
    private const double Tolerance = 0.05;

    private static readonly Lazy<IReadOnlyList<Preset>> Embedded = new(ReadEmbedded);

    /// <summary>The tasks that have presets, in the order of reports.</summary>
    public static IReadOnlyList<string> TaskNames =>
        field ??= [.. Tasks.All.Select(t => t.Name).Where(name => All.Any(p => p.Task == name))];

    /// <summary>The architectures that have presets, in the order of reports.</summary>
    public static IReadOnlyList<string> ArchNames =>
        field ??= [.. Architecture.Names.Where(name => All.Any(p => p.Arch == name))];

    /// <summary>All presets that come with the program; the first of a task and architecture is its usual one.</summary>
    public static IReadOnlyList<Preset> All => Embedded.Value;

    /// <summary>A preset.</summary>
    /// <param name="task">The task.</param>
    /// <param name="arch">The architecture.</param>
    /// <param name="name">The preset's name; null for the usual one.</param>
    /// <exception cref="PresetException">There is none; the message lists those that there are.</exception>
    public static Preset Get(string task, string arch, string? name = null)
    {
        Preset? found = All.FirstOrDefault(p =>
            p.Task == task && p.Arch == arch && (name is null || p.Name == name)
        );
        if (found is not null)
            return found;
        Require("task", task, TaskNames);
        Require("architecture", arch, ArchNames);
        string[] names = [.. All.Where(p => p.Task == task && p.Arch == arch).Select(p => p.Name)];
        if (names.Length == 0)
        {
            IEnumerable<string> others = ArchNames.Where(a =>
                All.Any(p => p.Task == task && p.Arch == a)
            );
            throw new PresetException(
                $"there is no preset of {arch} for {task}; there are some of {string.Join(", ", others)}"
            );
        }
        throw new PresetException(
            $"unknown preset '{name}' of {arch} for {task}; allowed: {string.Join(", ", names)}"
        );
    }

    /// <summary>Reads presets and checks them.</summary>
    /// <param name="json">A text of the form of the files of the catalogue.</param>
    /// <param name="source">What messages call it.</param>
    /// <exception cref="PresetException">The text is no such file, or one of its presets makes no sense.</exception>
    public static IReadOnlyList<Preset> Read(string json, string source)
    {
        ArgumentNullException.ThrowIfNull(json);
        PresetFile? file;
        try
        {
            file = JsonSerializer.Deserialize(json, PresetJson.Default.PresetFile);
        }
        catch (JsonException e)
        {
            throw new PresetException($"{source}: {e.Message}", e);
        }
        if (file?.Schema != Schema)
            throw new PresetException(
                $"{source}: expected the schema '{Schema}', not '{file?.Schema}'"
            );
        foreach ((string name, PresetTraining? training) in file.Training)
            PresetChecks.Check(training, $"{source}: training '{name}'");
        var presets = new List<Preset>();
        var seen = new HashSet<(string, string, string)>();
        for (int i = 0; i < file.Presets.Count; i++)
        {
            if (file.Presets[i] is not { } entry)
                throw new PresetException($"{source}: preset {i + 1} is null");
            string place = $"{source}: preset {i + 1} ({entry.Task} {entry.Arch} {entry.Preset})";
            if (!seen.Add((entry.Task, entry.Arch, entry.Preset)))
                throw new PresetException($"{place}: is there twice");
            if (!file.Training.TryGetValue(entry.Training, out PresetTraining? training))
                throw new PresetException(
                    $"{place}: unknown training '{entry.Training}'; there are: {string.Join(", ", file.Training.Keys)}"
                );
            var preset = new Preset
            {
                Task = entry.Task,
                Arch = entry.Arch,
                Name = entry.Preset,
                Budget = entry.Budget,
                Paper = entry.Paper,
                Length = entry.Length,
                Windows = entry.Windows,
                Note = entry.Note,
                Model = entry.Model,
                Training = training!,
            };
            PresetChecks.Check(preset, place, Tolerance);
            presets.Add(preset);
        }
        return presets;
    }

    /// <summary>Reads several files as one: the presets of an architecture for a task stand in one of them.</summary>
    /// <param name="files">Their names, for messages, and their texts.</param>
    /// <returns>All presets, by the order of tasks.</returns>
    /// <exception cref="PresetException">As in <see cref="Read"/>, or two files have presets of one task and architecture.</exception>
    public static IReadOnlyList<Preset> ReadAll(IEnumerable<(string Source, string Json)> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        var places = new Dictionary<(string Task, string Arch), string>();
        var presets = new List<Preset>();
        foreach ((string source, string json) in files)
        {
            foreach (Preset preset in Read(json, source))
            {
                // The first one is the usual one, which must not go by the names of files.
                string other = places.GetValueOrDefault((preset.Task, preset.Arch), source);
                if (other != source)
                    throw new PresetException(
                        $"{source}: presets of {preset.Arch} for {preset.Task} stand in {other} already; add to those"
                    );
                places[(preset.Task, preset.Arch)] = source;
                presets.Add(preset);
            }
        }
        return [.. presets.OrderBy(preset => preset.TaskEntry.Order)];
    }

    private static IReadOnlyList<Preset> ReadEmbedded()
    {
        Assembly assembly = typeof(Presets).Assembly;
        return ReadAll(
            assembly
                .GetManifestResourceNames()
                .Where(name => name.StartsWith(Folder, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(name =>
                {
                    using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                    return (name[Folder.Length..], reader.ReadToEnd());
                })
        );
    }

    private static void Require(string what, string name, IReadOnlyList<string> allowed)
    {
        if (!allowed.Contains(name))
            throw new PresetException(
                $"unknown {what} '{name}'; allowed: {string.Join(", ", allowed)}"
            );
    }
}
