using NUnit.Framework;
using Sequor.Layers.Cuda;

namespace Sequor.Tests.Cuda;

/// <summary>The launches that a table's entries are split into.</summary>
[TestFixture]
public sealed class AlikeRunTests
{
    [TestCase("", 4, "")]
    [TestCase("7", 4, "0+1")]
    [TestCase("7777", 4, "0+4")]
    // One more than a launch can have.
    [TestCase("77777", 4, "0+4 4+1")]
    [TestCase("777777777", 4, "0+4 4+4 8+1")]
    [TestCase("7788", 4, "0+2 2+2")]
    // Alike, but not neighbours.
    [TestCase("787", 4, "0+1 1+1 2+1")]
    [TestCase("7777788", 4, "0+4 4+1 5+2")]
    [TestCase("777", 1, "0+1 1+1 2+1")]
    public void Entries_that_share_a_value_are_a_launch_of_as_many_as_fit(
        string values,
        int most,
        string expected
    )
    {
        var runs = new List<string>();
        foreach ((int from, int count) in new AlikeRuns<char>(values, static c => c, most))
            runs.Add($"{from}+{count}");

        Assert.That(string.Join(' ', runs), Is.EqualTo(expected));
    }
}
