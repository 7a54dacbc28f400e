namespace Sequor.Workloads;

/// <summary>
/// The three parts of a text: those of a folder that has a file for each, or one file, of which the first 90% are to train on, the next 5%
/// to validate, the last 5% to test. That is how the 100 million characters of text8 are divided as well.
/// </summary>
/// <param name="path">A file, or a folder with one of the sets of names.</param>
/// <param name="names">Names of the files with {0} in the place of train, valid or test; the first that are there are taken.</param>
internal sealed class TextParts(string path, IReadOnlyList<string> names)
{
    /// <summary>What the parts are called, in files and messages.</summary>
    public static readonly string[] Parts = ["train", "valid", "test"];

    /// <summary>The file or folder.</summary>
    public string Path => path;

    /// <summary>The files of a folder, in the order of the parts; null where the path is no folder.</summary>
    /// <exception cref="TaskDataException">The folder has none, or lacks some.</exception>
    public (string Name, string[] Files)? InFolder()
    {
        if (!Directory.Exists(path))
            return null;
        foreach (string name in names)
        {
            string[] files = [.. Parts.Select(part => File(name, part))];
            string[] missing = [.. files.Where(file => !System.IO.File.Exists(file))];
            if (missing.Length == 0)
                return (name, files);
            if (missing.Length < files.Length)
                throw new TaskDataException(
                    $"'{path}' has {Of(files.Except(missing))}, and lacks {Of(missing)}."
                );
        }
        throw new TaskDataException(
            $"'{path}' is a folder with no text in three parts; looked for are {string.Join("; or ", names.Select(name => string.Join(", ", Parts.Select(part => Named(name, part)))))}."
        );
    }

    /// <summary>Where the parts of one text of so many units end.</summary>
    public static (int Train, int Valid) Split(int count)
    {
        int train = (int)(count * 9L / 10);
        return (train, train + ((count - train) / 2));
    }

    private string File(string name, string part) =>
        System.IO.Path.Combine(path, Named(name, part));

    private static string Named(string name, string part) =>
        name.Replace("{0}", part, StringComparison.Ordinal);

    private static string Of(IEnumerable<string> files) =>
        string.Join(", ", files.Select(System.IO.Path.GetFileName));
}
