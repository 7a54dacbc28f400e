using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What stands in the catalogue under a name.</summary>
public interface IEntry
{
    /// <summary>The name in options, files and reports.</summary>
    string Name { get; }

    /// <summary>The place in lists and reports: smaller numbers first, then by name.</summary>
    int Order => 0;
}

/// <summary>
/// The entries of one kind. An entry is there when its file is in this folder: the build makes the list of them, see Found.targets.
/// </summary>
/// <typeparam name="T">The base class of the entries.</typeparam>
/// <param name="kind">What messages call one.</param>
internal sealed class Entries<T>(string kind)
    where T : class, IEntry
{
    private readonly Lazy<T[]> _all = new(Find);

    public IReadOnlyList<T> All => _all.Value;

    public IReadOnlyList<string> Names => field ??= [.. All.Select(e => e.Name)];

    public T? Find(string name) => All.FirstOrDefault(e => e.Name == name);

    /// <exception cref="ArgumentException">There is none of this name; the message lists those that there are.</exception>
    public T Get(string name) =>
        Find(name)
        ?? throw new ArgumentException(
            $"unknown {kind} '{Printable.Shortened(name)}'; allowed: {string.Join(", ", Names)}",
            nameof(name)
        );

    private static T[] Find() =>
        [
            .. CatalogEntries
                .Found()
                .OfType<T>()
                .OrderBy(entry => entry.Order)
                .ThenBy(entry => entry.Name, StringComparer.Ordinal),
        ];
}
