using System.Globalization;

namespace Sequor.Workloads;

/// <summary>A file that the data of a task come from. Sequor has none of them.</summary>
/// <param name="Name">Its name, by which it is found in a folder; null where it is called as its owner likes.</param>
/// <param name="Source">Where it is to be had.</param>
/// <param name="Bytes">Its size; null where there are several of it, or it is not known.</param>
public sealed record DataFile(string? Name, string Source, long? Bytes = null)
{
    /// <summary>Names under which it is found as well: compressed, or as some programs unpack it.</summary>
    public IReadOnlyList<string> OtherNames { get; init; } = [];

    /// <summary>Its place in a folder; null where it is not there.</summary>
    /// <param name="folder">A folder, there or not.</param>
    public string? FindIn(string folder) =>
        Name is null
            ? null
            : OtherNames
                .Prepend(Name)
                .Select(name => Path.Combine(folder, name))
                .FirstOrDefault(File.Exists);

    /// <summary>The places of several files in a folder, in their order.</summary>
    /// <param name="files">The files.</param>
    /// <param name="folder">The folder.</param>
    /// <exception cref="TaskDataException">
    /// It is no folder, or not all are there; the message says which are not, how large they are and where they are to be had.
    /// </exception>
    public static IReadOnlyList<string> FindAll(IReadOnlyList<DataFile> files, string folder)
    {
        ArgumentNullException.ThrowIfNull(files);
        string?[] found = [.. files.Select(file => file.FindIn(folder))];
        DataFile[] missing = [.. files.Where((_, i) => found[i] is null)];
        return missing.Length == 0
            ? [.. found.OfType<string>()]
            : throw new TaskDataException(
                $"'{folder}' {(Directory.Exists(folder) ? "lacks" : "is no folder, and should have")} {Describe(missing)}."
            );
    }

    /// <summary>Names, sizes and sources of files, each source told once.</summary>
    public static string Describe(IEnumerable<DataFile> files) =>
        string.Join(
            "; ",
            files
                .GroupBy(file => file.Source)
                .Select(group =>
                {
                    string names = string.Join(
                        ", ",
                        group.Select(file => file.Sized).OfType<string>()
                    );
                    return names.Length == 0 ? group.Key : $"{names}, from {group.Key}";
                })
        );

    /// <summary>Name, size and source, for messages.</summary>
    public override string ToString() => Describe([this]);

    private string? Sized
    {
        get
        {
            if (Name is null)
                return null;
            string[] more =
            [
                .. Bytes is { } bytes
                    ? [string.Create(CultureInfo.InvariantCulture, $"{bytes:#,0} bytes")]
                    : Array.Empty<string>(),
                .. OtherNames.Contains($"{Name}.gz") ? ["or with .gz"] : Array.Empty<string>(),
            ];
            return more.Length == 0 ? Name : $"{Name} ({string.Join(", ", more)})";
        }
    }
}
