using System.Reflection;
using System.Security.Cryptography;
using NUnit.Framework;
using Sequor.Workloads;

namespace Sequor.Tests.Charts;

/// <summary>
/// The scripts embedded in HTML pages: third-party files are unchanged, and our own neither ends its element early nor loads
/// anything.
/// </summary>
[TestFixture]
public sealed class AssetTests
{
    private const string Folder = "Charts/uPlot/";

    private static byte[] Read(string name)
    {
        using Stream? stream = typeof(BenchReport).Assembly.GetManifestResourceStream(name);
        Assert.That(stream, Is.Not.Null, name);
        using var bytes = new MemoryStream();
        stream!.CopyTo(bytes);
        return bytes.ToArray();
    }

    [TestCase("uPlot.iife.min.js")]
    [TestCase("uPlot.min.css")]
    [TestCase("LICENSE")]
    public void What_is_taken_from_others_is_what_its_note_says(string file)
    {
        string note = System.Text.Encoding.UTF8.GetString(Read(Folder + "uPlot.txt"));
        string hash = Convert.ToHexStringLower(SHA256.HashData(Read(Folder + file)));
        Assert.That(note, Does.Contain($"{hash}  {file}\n"));
    }

    [TestCase("charts.js")]
    [TestCase("profile.js")]
    public void Our_script_can_stand_in_a_page(string file)
    {
        string script = System.Text.Encoding.UTF8.GetString(Read("Charts/" + file));
        Assert.That(script, Does.Not.Contain("</script").And.Not.Contain("<!--"));
        Assert.That(script, Does.Not.Contain("fetch(").And.Not.Contain("XMLHttpRequest"));
    }
}
