using NUnit.Framework;
using Sequor.Site;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds;

/// <summary>Links between the repository's documents lead somewhere, as they lie and on the site.</summary>
[TestFixture]
public sealed class MarkdownLinkTests : FolderTest
{
    [Test]
    public void Every_link_of_every_document_leads_somewhere()
    {
        string root = Repository.Root();
        IReadOnlyList<string> files = MarkdownLinks.Files(root);
        Assert.That(files, Has.Count.GreaterThan(20).And.Contains("docs/ci/README.md"));
        var links = new MarkdownLinks(root);
        Assert.That(files.SelectMany(links.Problems), Is.Empty);
    }

    [TestCase("[x](b.md)", null)]
    [TestCase("[x](b.md#the-second--part)", null)]
    [TestCase("[x](#of-this-one)", null)]
    [TestCase("[x](folder/)", null)]
    [TestCase("[x](https://example.org/b.md#gone)", null)]
    [TestCase("`[x](gone.md)`", null)]
    [TestCase("```\n[x](gone.md)\n```", null)]
    [TestCase("[x](gone.md)", "there is no such file")]
    [TestCase("![x](gone.png)", "there is no such file")]
    [TestCase("[x][1]\n\n[1]: gone.md", "there is no such file")]
    [TestCase("| a |\n|---|\n| [x](gone.md) |", "there is no such file")]
    [TestCase("[x](b.md#third)", "there is no such heading")]
    [TestCase("[x](#third)", "there is no such heading")]
    [TestCase("[x](folder/c.txt#third)", "only Markdown files have anchors")]
    [TestCase("[x](B.md)", "another case|no such file")]
    [TestCase("[x](/b.md)", "a link has to be relative")]
    [TestCase("[x](../b.md)", "it leads out of the repository")]
    public void A_link_that_leads_nowhere_is_told(string text, string? problem)
    {
        Directory.CreateDirectory(Path.Combine(Folder, "folder"));
        File.WriteAllText(Path.Combine(Folder, "folder", "c.txt"), "");
        File.WriteAllText(
            Path.Combine(Folder, "b.md"),
            "# B\n\n## The second, part\n\n## The second & part\n"
        );
        File.WriteAllText(Path.Combine(Folder, "a.md"), $"# A\n\n## Of this one\n\n{text}\n");
        Assert.That(
            new MarkdownLinks(Folder).Problems("a.md"),
            problem is null ? Is.Empty : Has.One.Matches($@"^a\.md\(\d+\): .*({problem})")
        );
    }

    [Test]
    public void A_document_begins_with_its_title()
    {
        File.WriteAllText(Path.Combine(Folder, "a.md"), "## A\n");
        Assert.That(
            new MarkdownLinks(Folder).Problems("a.md"),
            Has.One.Contains("not of the first level")
        );
    }
}
