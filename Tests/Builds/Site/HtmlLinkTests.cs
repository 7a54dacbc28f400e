using NUnit.Framework;
using Sequor.Site;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds;

/// <summary>The check of the site's pages finds what leads nowhere, and what would be loaded from elsewhere.</summary>
[TestFixture]
public sealed class HtmlLinkTests : FolderTest
{
    [TestCase("<a href='sub/b.html'>x</a>", null)]
    [TestCase("<a href='sub/b.html#here'>x</a>", null)]
    [TestCase("<a href='sub/b.html?q=1#here'>x</a>", null)]
    [TestCase("<a href='#top'>x</a><p id=top>", null)]
    [TestCase("<a href='#'>x</a>", null)]
    [TestCase("<a href='https://example.org/'>x</a>", null)]
    [TestCase("<img src='data:image/png;base64,AA'>", null)]
    [TestCase("<a href='gone.html'>x</a>", "there is no such file")]
    [TestCase("<a href='sub/'>x</a>", "there is no such file")]
    [TestCase("<a href='sub/b.html#gone'>x</a>", "there is no such anchor")]
    [TestCase("<a href='/sub/b.html'>x</a>", "it leads out of the site")]
    [TestCase("<a href='../x.html'>x</a>", "it leads out of the site")]
    [TestCase("<script src='gone.js'></script>", "there is no such file")]
    [TestCase(
        "<link rel=stylesheet href='https://example.org/a.css'>",
        "loads nothing from elsewhere"
    )]
    [TestCase("<script src='//example.org/a.js'></script>", "loads nothing from elsewhere")]
    [TestCase("<img src='http://example.org/a.png'>", "loads nothing from elsewhere")]
    public void A_link_that_leads_nowhere_is_told(string html, string? problem)
    {
        Directory.CreateDirectory(Path.Combine(Folder, "sub"));
        File.WriteAllText(Path.Combine(Folder, "a.html"), $"<!DOCTYPE html><body>{html}");
        File.WriteAllText(
            Path.Combine(Folder, "sub", "b.html"),
            "<!DOCTYPE html><body><h2 id='here'>b</h2><a href='../a.html'>a</a>"
        );
        Assert.That(
            new HtmlLinks(Folder).Problems(),
            problem is null ? Is.Empty : Has.One.Contains(problem).And.Exactly(1).Items
        );
    }
}
