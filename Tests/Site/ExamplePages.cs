namespace Sequor.Site;

/// <summary>
/// A page for each file of the examples, so that a reader of the site sees the code and not a file to save: links to the file lead to its
/// page, which has a link to the file.
/// </summary>
/// <param name="folder">The staged folder of the examples.</param>
internal sealed class ExamplePages(string folder)
{
    private const string Index = "README.md";

    private static readonly Dictionary<string, string> Languages = new()
    {
        [".cs"] = "csharp",
        [".c"] = "c",
        [".py"] = "python",
        [".sh"] = "bash",
    };

    /// <summary>Writes the pages, and their table of contents.</summary>
    /// <param name="contents">The folder that the table of contents goes to.</param>
    public void Write(string contents)
    {
        string index = Path.Combine(folder, Index);
        if (!File.Exists(index))
            return;
        string table = "- name: The course\n  href: ../../examples/README.md\n";
        string text = File.ReadAllText(index);
        foreach (string file in Files(folder))
        {
            string name = Path.GetFileName(file);
            string page = $"{Path.GetFileNameWithoutExtension(name)}.md";
            string code = File.ReadAllText(file).TrimEnd().ReplaceLineEndings("\n");
            string fence = code.Contains("```", StringComparison.Ordinal) ? "````" : "```";
            File.WriteAllText(
                Path.Combine(folder, page),
                $"# {name}\n\n[The file]({name}), and [the course]({Index}).\n\n"
                    + $"{fence}{Languages[Path.GetExtension(name)]}\n{code}\n{fence}\n"
            );
            text = text.Replace($"]({name})", $"]({page})", StringComparison.Ordinal);
            table += $"- name: {name}\n  href: ../../examples/{page}\n";
        }
        File.WriteAllText(index, text);
        Directory.CreateDirectory(contents);
        File.WriteAllText(Path.Combine(contents, "toc.yml"), table);
    }

    /// <summary>The files that are examples, in their order: those whose names begin with two digits.</summary>
    public static IEnumerable<string> Files(string folder) =>
        Directory
            .EnumerateFiles(folder)
            .Where(file =>
                Languages.ContainsKey(Path.GetExtension(file))
                && Path.GetFileName(file) is [>= '0' and <= '9', >= '0' and <= '9', '-', ..]
            )
            .Order(StringComparer.Ordinal);
}
