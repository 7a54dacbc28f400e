using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The tasks of the catalogue.</summary>
public static class Tasks
{
    private static readonly Entries<TaskEntry> Entries = new("task");

    /// <summary>All of them, in the order of reports.</summary>
    public static IReadOnlyList<TaskEntry> All => Entries.All;

    /// <summary>The names of all.</summary>
    public static IReadOnlyList<string> Names => Entries.Names;

    /// <summary>The names of those whose sequences can have any length.</summary>
    public static IReadOnlyList<string> StreamNames { get; } =
    [.. All.Where(t => t.IsStream).Select(t => t.Name)];

    /// <summary>Those that are meant where all are asked for: whose data are found, or drawn, without naming a file.</summary>
    public static IReadOnlyList<TaskEntry> Unnamed { get; } =
    [.. All.Where(t => t.Files.All(file => file.Name is not null))];

    /// <summary>Tasks that had another name, by that name.</summary>
    public static IReadOnlyDictionary<string, string> Renamed { get; } =
        new Dictionary<string, string> { ["text"] = CharLmEntry.Key };

    /// <summary>The one that is taken where none is asked for.</summary>
    public static TaskEntry Default => Get("adding");

    /// <summary>The task of a name, or null.</summary>
    public static TaskEntry? Find(string name) => Entries.Find(name);

    /// <summary>The task of a name.</summary>
    /// <exception cref="ArgumentException">There is none of this name.</exception>
    public static TaskEntry Get(string name) => Entries.Get(name);

    /// <summary>Endless sequences of a task whose data are drawn.</summary>
    /// <param name="name">One of <see cref="StreamNames"/>.</param>
    /// <param name="length">T as the papers count it: the delay of copy memory, whose sequences are 20 steps longer.</param>
    /// <exception cref="ArgumentException">No such task, or it does not come in this length, or it needs data.</exception>
    public static SequenceTask Create(string name, int length) => Get(name).CreateStream(length);
}
