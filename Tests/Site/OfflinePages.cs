namespace Sequor.Site;

/// <summary>
/// Lets a site of docfx be read from files, without a server: browsers load neither modules nor JSON from there, so tables of contents and
/// the index of the search are given as scripts too, and each page loads the one that reads them.
/// </summary>
/// <param name="folder">The site.</param>
internal sealed class OfflinePages(string folder)
{
    private const string Rel = "<meta name=\"docfx:rel\" content=\"";

    /// <summary>Writes them.</summary>
    public void Write()
    {
        foreach (
            string table in Directory.EnumerateFiles(
                folder,
                "toc.json",
                SearchOption.AllDirectories
            )
        )
            AsScript(table, "sequorTable");
        AsScript(Path.Combine(folder, "index.json"), "sequorIndex");
        foreach (
            string page in Directory.EnumerateFiles(folder, "*.html", SearchOption.AllDirectories)
        )
            AddScript(page);
        // What helps to debug docfx's own scripts: two thirds of the site's bytes.
        foreach (string map in Directory.EnumerateFiles(Path.Combine(folder, "public"), "*.map"))
            File.Delete(map);
    }

    private static void AsScript(string json, string function) =>
        File.WriteAllText(
            Path.ChangeExtension(json, ".js"),
            $"{function}({File.ReadAllText(json).Trim()})\n"
        );

    private static void AddScript(string page)
    {
        string text = File.ReadAllText(page);
        int at = text.IndexOf(Rel, StringComparison.Ordinal);
        int end = text.LastIndexOf("</body>", StringComparison.Ordinal);
        if (at < 0 || end < 0)
            return;
        at += Rel.Length;
        string rel = text[at..text.IndexOf('"', at)];
        File.WriteAllText(
            page,
            $"{text[..end]}<script src=\"{rel}public/offline.js\"></script>\n{text[end..]}"
        );
    }
}
