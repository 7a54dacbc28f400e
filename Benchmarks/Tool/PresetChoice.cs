using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Which presets words of a command line mean. Where task and architecture are both named, there has to be a preset of the two; all
/// of one of them are those that there are.
/// </summary>
/// <param name="Tasks">Names of tasks.</param>
/// <param name="AllTasks">Whether they are all, and none was named.</param>
/// <param name="Architectures">Names of architectures; all for an empty list.</param>
/// <param name="Names">Names of presets; an empty list for the usual one of each task and architecture.</param>
/// <param name="AllNames">Whether each preset is meant, whatever its name.</param>
internal sealed record PresetChoice(
    IReadOnlyList<string> Tasks,
    bool AllTasks,
    IReadOnlyList<string> Architectures,
    IReadOnlyList<string> Names,
    bool AllNames
)
{
    /// <summary>The presets, task by task.</summary>
    /// <exception cref="PresetException">There is none, or not one that was named.</exception>
    public IReadOnlyList<Preset> Find()
    {
        bool named = Architectures.Count > 0 && !AllTasks;
        IReadOnlyList<string> archs = Architectures.Count > 0 ? Architectures : Presets.ArchNames;
        var found = new List<Preset>();
        foreach (string task in Tasks)
        {
            foreach (string arch in archs)
            {
                Preset[] those = [.. Presets.All.Where(p => p.Task == task && p.Arch == arch)];
                Preset[] meant = [.. Meant(those)];
                // The message of the one that is missing lists those that there are.
                if (meant.Length == 0 && named)
                    _ = Presets.Get(task, arch, Names.Count > 0 ? Names[0] : null);
                found.AddRange(meant);
            }
        }
        foreach (string name in Names.Where(name => found.All(p => p.Name != name)))
        {
            (string task, string arch) = Tasks
                .SelectMany(task => archs.Select(arch => (task, arch)))
                .FirstOrDefault(
                    pair => Presets.All.Any(p => (p.Task, p.Arch) == pair),
                    (Tasks[0], archs[0])
                );
            _ = Presets.Get(task, arch, name);
        }
        if (found.Count == 0)
            _ = Presets.Get(Tasks[0], archs[0]);
        return found;
    }

    private IEnumerable<Preset> Meant(IEnumerable<Preset> presets) =>
        AllNames ? presets
        : Names.Count > 0 ? presets.Where(p => Names.Contains(p.Name))
        : presets.Take(1);
}
