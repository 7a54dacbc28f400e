namespace Sequor.Site;

/// <summary>Whether the relative links and anchors of Markdown files lead somewhere.</summary>
/// <param name="root">The folder of the sources, beyond which no link may lead.</param>
internal sealed class MarkdownLinks(string root)
{
    private readonly Dictionary<string, MarkdownFile> _files = [];

    /// <summary>The Markdown files of the sources, relative to their folder, in order.</summary>
    public static IReadOnlyList<string> Files(string root) =>
        [.. Below(new DirectoryInfo(root)).Order(StringComparer.Ordinal)];

    /// <summary>What is wrong in a file: a line for each link that leads nowhere.</summary>
    /// <param name="file">The file, relative to the root.</param>
    public IEnumerable<string> Problems(string file)
    {
        string folder = Path.GetDirectoryName(Path.Combine(root, file))!;
        MarkdownFile source = Read(Path.Combine(root, file));
        if (source.Title is null)
            yield return $"{file}: the first heading is not of the first level";
        foreach (MarkdownLink link in source.Links.Where(link => !link.IsElsewhere))
        {
            if (Problem(folder, Path.Combine(root, file), link.Url) is { } problem)
                yield return $"{file}({link.Line}): {link.Url}: {problem}";
        }
    }

    private string? Problem(string folder, string file, string url)
    {
        string[] parts = url.Split('#', 2);
        string path = Uri.UnescapeDataString(parts[0]);
        if (path.StartsWith('/'))
            return "a link has to be relative";
        string target = path.Length == 0 ? file : Path.GetFullPath(path, folder).TrimEnd('/', '\\');
        if (!target.StartsWith(Path.GetFullPath(root), StringComparison.Ordinal))
            return "it leads out of the repository";
        if (!Path.Exists(target))
            return "there is no such file";
        if (!IsWritten(target))
            return "its letters are of another case";
        if (parts.Length == 1)
            return null;
        if (!target.EndsWith(".md", StringComparison.Ordinal))
            return "only Markdown files have anchors";
        return Read(target).Anchors.Contains(parts[1]) ? null : "there is no such heading";
    }

    // Some file systems do not tell cases apart; forges do.
    private bool IsWritten(string target)
    {
        string rest = Path.GetRelativePath(root, target);
        if (rest == ".")
            return true;
        string folder = root;
        foreach (string name in rest.Split('/', '\\'))
        {
            if (
                !Directory
                    .EnumerateFileSystemEntries(folder, name)
                    .Any(found => Path.GetFileName(found) == name)
            )
                return false;
            folder = Path.Combine(folder, name);
        }
        return true;
    }

    private MarkdownFile Read(string path)
    {
        if (!_files.TryGetValue(path, out MarkdownFile? file))
            _files[path] = file = new MarkdownFile(File.ReadAllText(path));
        return file;
    }

    private static IEnumerable<string> Below(DirectoryInfo root)
    {
        var pending = new Stack<DirectoryInfo>([root]);
        while (pending.TryPop(out DirectoryInfo? folder))
        {
            foreach (FileInfo file in folder.EnumerateFiles("*.md"))
                yield return Path.GetRelativePath(root.FullName, file.FullName).Replace('\\', '/');
            foreach (DirectoryInfo child in folder.EnumerateDirectories())
            {
                if (!child.Name.StartsWith('.') && !Made.Contains(child.Name))
                    pending.Push(child);
            }
        }
    }

    // Folders of what builds and tests made.
    private static readonly HashSet<string> Made =
    [
        "artifacts",
        "bin",
        "obj",
        "BenchmarkDotNet.Artifacts",
        "TestResults",
        "__pycache__",
    ];
}
