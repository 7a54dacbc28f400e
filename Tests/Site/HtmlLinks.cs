using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;

namespace Sequor.Site;

/// <summary>
/// Whether the links and anchors of a site's pages lead somewhere within it, and whether all that a page loads comes from the site.
/// </summary>
/// <param name="folder">The site.</param>
internal sealed class HtmlLinks(string folder)
{
    private readonly string _root = Path.GetFullPath(folder);

    private readonly Dictionary<string, IReadOnlySet<string>> _anchors = [];

    private sealed record Page(
        string File,
        IReadOnlyList<string> Links,
        IReadOnlyList<string> Loads
    );

    /// <summary>What is wrong: a line for each link.</summary>
    public IEnumerable<string> Problems()
    {
        var parser = new HtmlParser();
        Page[] pages =
        [
            .. Directory
                .EnumerateFiles(_root, "*.html", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(file => Read(parser, file)),
        ];
        foreach (Page page in pages)
        {
            string name = Path.GetRelativePath(_root, page.File);
            foreach (string link in page.Links.Distinct())
            {
                if (Problem(page.File, link) is { } problem)
                    yield return $"{name}: {link}: {problem}";
            }
            foreach (string load in page.Loads.Distinct())
            {
                if (IsElsewhere(load) && !load.StartsWith("data:", StringComparison.Ordinal))
                    yield return $"{name}: {load}: a page loads nothing from elsewhere";
                else if (!IsElsewhere(load) && Problem(page.File, load) is { } problem)
                    yield return $"{name}: {load}: {problem}";
            }
        }
    }

    private string? Problem(string page, string link)
    {
        if (IsElsewhere(link))
            return null;
        string[] parts = link.Split('#', 2);
        string path = Uri.UnescapeDataString(parts[0].Split('?')[0]);
        string target =
            path.Length == 0 ? page : Path.GetFullPath(path, Path.GetDirectoryName(page)!);
        if (path.StartsWith('/') || !target.StartsWith(_root, StringComparison.Ordinal))
            return "it leads out of the site";
        if (!File.Exists(target))
            return "there is no such file";
        if (parts.Length == 1 || parts[1].Length == 0)
            return null;
        return
            _anchors.TryGetValue(target, out IReadOnlySet<string>? anchors)
            && anchors.Contains(Uri.UnescapeDataString(parts[1]))
            ? null
            : "there is no such anchor";
    }

    private static bool IsElsewhere(string link) =>
        link.StartsWith("//", StringComparison.Ordinal)
        || link.Split('/', '#', '?')[0].Contains(':', StringComparison.Ordinal);

    private Page Read(HtmlParser parser, string file)
    {
        using FileStream stream = File.OpenRead(file);
        using IHtmlDocument document = parser.ParseDocument(stream);
        _anchors[file] = document
            .QuerySelectorAll("[id]")
            .Select(element => element.Id!)
            .Concat(document.QuerySelectorAll("a[name]").Select(a => a.GetAttribute("name")!))
            .ToHashSet();
        return new Page(
            file,
            Values(document, "a[href]", "href"),
            [
                .. Values(document, "link[href]", "href"),
                .. Values(document, "script[src], img[src], iframe[src], source[src]", "src"),
            ]
        );
    }

    private static IReadOnlyList<string> Values(
        IHtmlDocument document,
        string selector,
        string attribute
    ) => [.. document.QuerySelectorAll(selector).Select(e => e.GetAttribute(attribute)!.Trim())];
}
