namespace Sequor.Workloads;

/// <summary>The optimizers of the catalogue.</summary>
public static class Optimizers
{
    private static readonly Entries<OptimizerEntry> Entries = new("optimizer");

    /// <summary>All of them, by name.</summary>
    public static IReadOnlyList<OptimizerEntry> All => Entries.All;

    /// <summary>The names in options, presets and checkpoints.</summary>
    public static IReadOnlyList<string> Names => Entries.Names;

    /// <summary>The one that is taken where none is asked for.</summary>
    public static OptimizerEntry Default => Get("adam");

    /// <summary>The optimizer of a name, or null.</summary>
    public static OptimizerEntry? Find(string name) => Entries.Find(name);

    /// <summary>The optimizer of a name.</summary>
    /// <exception cref="ArgumentException">There is none of this name.</exception>
    public static OptimizerEntry Get(string name) => Entries.Get(name);
}
