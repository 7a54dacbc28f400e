using System.Text.RegularExpressions;

namespace Sequor.Site;

/// <summary>
/// Makes the site: stages the documents as they lie, the examples as pages and the assemblies of the API, runs docfx on them with warnings
/// as errors, lets the pages be read from files, and checks every link of what came out.
/// </summary>
/// <param name="root">The folder of the sources.</param>
/// <param name="bin">The folder that has a folder for each project.</param>
/// <param name="configuration">The folder within that, such as release.</param>
/// <param name="output">The folder that the site goes to. It changes only where all went well.</param>
internal sealed class SiteBuilder(string root, string bin, string configuration, string output)
{
    // What strangers refer to, and have a package of.
    private static readonly string[] Assemblies =
    [
        "Sequor.Native",
        "Sequor.Interop",
        "Sequor.Layers",
        "Sequor.Workloads",
    ];

    // It has what their signatures name beside it.
    private const string Program = "Sequor.Tool";

    // Files that documents link to, beside those in docs.
    private static readonly string[] Others = ["LICENSE"];

    private readonly string _stage = Path.Combine(Path.GetFullPath(output), "..", "obj", "site");

    /// <summary>Makes it.</summary>
    /// <param name="progress">Takes a line for what takes long.</param>
    /// <returns>The number of pages.</returns>
    /// <exception cref="SiteException">It cannot be made; the message says why. What was there is unchanged.</exception>
    public int Build(TextWriter progress)
    {
        string stage = Path.GetFullPath(_stage);
        Directory.CreateDirectory(Path.GetDirectoryName(stage)!);
        using FileStream held = Hold($"{stage}.lock");
        if (Directory.Exists(stage))
            Directory.Delete(stage, recursive: true);
        StageDocuments(stage);
        StageAssemblies(Path.Combine(stage, "assemblies"));
        new ExamplePages(Path.Combine(stage, "docs", "examples")).Write(
            Path.Combine(stage, "docs", "site", "examples")
        );
        string made = Path.Combine(stage, "out");
        progress.WriteLine("Making the site ...");
        new Docfx(Path.Combine(root, "docs", "site")).Run(Path.Combine(stage, "docfx.json"), made);
        new OfflinePages(made).Write();
        string[] problems = [.. new HtmlLinks(made).Problems()];
        if (problems.Length > 0)
            throw new SiteException(string.Join('\n', problems));
        int pages = Directory
            .EnumerateFiles(made, "*.html", SearchOption.AllDirectories)
            .Count(page => Path.GetFileName(page) != "toc.html");
        string whole = Path.GetFullPath(output);
        if (Directory.Exists(whole))
            Directory.Delete(whole, recursive: true);
        Directory.Move(made, whole);
        return pages;
    }

    private void StageDocuments(string stage)
    {
        IEnumerable<string> documents = Directory
            .EnumerateFiles(Path.Combine(root, "docs"), "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Where(file => !file.Contains("/.", StringComparison.Ordinal));
        foreach (
            string file in MarkdownLinks.Files(root).Concat(documents).Concat(Others).Distinct()
        )
        {
            string copy = Path.Combine(stage, file);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            if (file.EndsWith(".md", StringComparison.Ordinal))
                File.WriteAllText(copy, WithoutFolders(file));
            else
                File.Copy(Path.Combine(root, file), copy);
        }
        File.Copy(
            Path.Combine(root, "docs", "site", "docfx.json"),
            Path.Combine(stage, "docfx.json")
        );
    }

    // A forge shows folders; on the site a link to one is its text alone.
    private string WithoutFolders(string file)
    {
        string path = Path.Combine(root, file);
        string text = File.ReadAllText(path);
        foreach (MarkdownLink link in new MarkdownFile(text).Links.Where(link => !link.IsElsewhere))
        {
            if (Directory.Exists(Path.GetFullPath(link.Url, Path.GetDirectoryName(path)!)))
                text = Regex.Replace(text, $@"\[([^\[\]]*)\]\({Regex.Escape(link.Url)}\)", "$1");
        }
        return text;
    }

    private void StageAssemblies(string stage)
    {
        Directory.CreateDirectory(stage);
        foreach (string name in Assemblies)
        {
            string folder = Path.Combine(bin, name, configuration);
            if (!File.Exists(Path.Combine(folder, $"{name}.dll")))
                throw new SiteException($"There is no {name}.dll in {folder}: build first.");
            foreach (string file in Directory.EnumerateFiles(folder, $"{name}.*"))
            {
                if (Path.GetExtension(file) is ".dll" or ".xml")
                    File.Copy(file, Path.Combine(stage, Path.GetFileName(file)));
            }
        }
        foreach (
            string file in Directory.EnumerateFiles(
                Path.Combine(bin, Program, configuration),
                "*.dll"
            )
        )
        {
            string copy = Path.Combine(stage, Path.GetFileName(file));
            if (!File.Exists(copy))
                File.Copy(file, copy);
        }
    }

    private static FileStream Hold(string path)
    {
        try
        {
            return new FileStream(
                path,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None,
                1,
                FileOptions.DeleteOnClose
            );
        }
        catch (IOException)
        {
            throw new SiteException(
                $"The site is being made by another process, which holds {path}."
            );
        }
    }
}
