using NUnit.Framework;
using Sequor.Site;
using Sequor.Tests.Support;
using YamlDotNet.RepresentationModel;

namespace Sequor.Tests.Builds;

/// <summary>The site has every document in a table of contents, and is made without a warning or a dead link.</summary>
[TestFixture]
public sealed class SiteTests : FolderTest
{
    // The landing page, which the site's name leads to.
    private static readonly string[] Apart = ["docs/site/index.md"];

    [Test]
    public void Every_document_is_in_a_table_of_contents()
    {
        string root = Repository.Root();
        string site = Path.Combine(root, "docs", "site");
        string[] listed =
        [
            .. Directory
                .EnumerateFiles(site, "toc.yml", SearchOption.AllDirectories)
                .SelectMany(toc =>
                    Targets(toc, "href")
                        .Concat(Targets(toc, "topicHref"))
                        .Where(target => target.EndsWith(".md", StringComparison.Ordinal))
                        .Select(target => Path.GetFullPath(target, Path.GetDirectoryName(toc)!))
                )
                .Select(target => Path.GetRelativePath(root, target).Replace('\\', '/')),
            // Written from the files that there are.
            "docs/examples/README.md",
        ];
        Assert.That(listed, Is.EquivalentTo(MarkdownLinks.Files(root).Except(Apart)));
    }

    [Test]
    public void Each_example_gets_a_page_and_a_line_in_the_contents()
    {
        File.WriteAllText(Path.Combine(Folder, "README.md"), "# E\n\n[a](01-a.cs) [b](02-b.py)\n");
        File.WriteAllText(Path.Combine(Folder, "01-a.cs"), "// ```\nreturn 0;\n");
        File.WriteAllText(Path.Combine(Folder, "02-b.py"), "print(1)\n");
        File.WriteAllText(Path.Combine(Folder, "notes.txt"), "");
        string contents = Path.Combine(Folder, "contents");
        new ExamplePages(Folder).Write(contents);
        Assert.That(
            File.ReadAllText(Path.Combine(Folder, "README.md")),
            Is.EqualTo("# E\n\n[a](01-a.md) [b](02-b.md)\n")
        );
        Assert.That(
            File.ReadAllText(Path.Combine(Folder, "01-a.md")),
            Does.EndWith("````csharp\n// ```\nreturn 0;\n````\n").And.Contain("[The file](01-a.cs)")
        );
        Assert.That(
            Targets(Path.Combine(contents, "toc.yml"), "href").Select(Path.GetFileName),
            Is.EqualTo(new[] { "README.md", "01-a.md", "02-b.md" })
        );
    }

    [Test]
    public void What_a_browser_loads_from_no_file_is_given_as_a_script()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "public"));
        File.WriteAllText(Path.Combine(Folder, "public", "a.js.map"), "");
        File.WriteAllText(Path.Combine(Folder, "toc.json"), "\n{\"items\":[]}");
        File.WriteAllText(Path.Combine(Folder, "index.json"), "{}");
        string page = Path.Combine(Folder, "a.html");
        File.WriteAllText(page, "<meta name=\"docfx:rel\" content=\"../\">\n<body>\n</body>");
        new OfflinePages(Folder).Write();
        Assert.That(
            File.ReadAllText(Path.Combine(Folder, "toc.js")),
            Is.EqualTo("sequorTable({\"items\":[]})\n")
        );
        Assert.That(
            File.ReadAllText(Path.Combine(Folder, "index.js")),
            Is.EqualTo("sequorIndex({})\n")
        );
        Assert.That(
            File.ReadAllText(page),
            Does.Contain("<script src=\"../public/offline.js\"></script>\n</body>")
        );
        Assert.That(Directory.GetFiles(Path.Combine(Folder, "public")), Is.Empty);
    }

    [Test]
    public void A_site_without_its_assemblies_is_refused()
    {
        var builder = new SiteBuilder(
            Repository.Root(),
            Path.Combine(Folder, "bin"),
            "release",
            Path.Combine(Folder, "docs")
        );
        Assert.That(
            () => builder.Build(TextWriter.Null),
            Throws.TypeOf<SiteException>().With.Message.Contains("build first")
        );
    }

    [Test]
    [Category("Long")]
    public void The_site_is_made_without_a_warning_or_a_dead_link()
    {
        string root = Repository.Root();
        // Beside the folder of this program.
        var programs = new DirectoryInfo(AppContext.BaseDirectory);
        var builder = new SiteBuilder(
            root,
            programs.Parent!.Parent!.FullName,
            programs.Name,
            Path.Combine(Folder, "docs")
        );
        try
        {
            Assert.That(builder.Build(TextWriter.Null), Is.GreaterThan(100));
        }
        catch (SiteException e) when (e.ExitCode == SiteException.NoDocfx)
        {
            Assert.Ignore(e.Message);
        }
        foreach (
            string page in new[]
            {
                "index.html",
                "docs/getting-started.html",
                "api/Sequor.Layers.Gru.html",
            }
        )
            Assert.That(File.Exists(Path.Combine(Folder, "docs", page)), page);
    }

    private static IEnumerable<string> Targets(string toc, string key)
    {
        var yaml = new YamlStream();
        using var reader = new StreamReader(toc);
        yaml.Load(reader);
        return yaml.Documents[0]
            .AllNodes.OfType<YamlMappingNode>()
            .Where(node => node.Children.ContainsKey(key))
            .Select(node => ((YamlScalarNode)node.Children[key]).Value!);
    }
}
