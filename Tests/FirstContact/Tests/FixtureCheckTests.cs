using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.FirstContact.Tests;

/// <summary>The tests that first contact runs are found by their names, so a name that no test has would be a check of nothing.</summary>
[TestFixture]
internal sealed partial class FixtureCheckTests
{
    [Test]
    public void Every_part_of_a_name_is_of_a_test([Values] bool dry)
    {
        string[] parts =
        [
            .. AllChecks.InOrder.OfType<FixtureCheck>().SelectMany(c => c.Parts(dry)),
        ];
        Assert.That(parts, Is.Not.Empty);
        // By the sources, as the program that has these tests references this one.
        string[] names =
        [
            .. Directory
                .EnumerateFiles(
                    Path.Combine(Repository.Root(), "Tests", "Backends", "Cuda"),
                    "*.cs",
                    SearchOption.AllDirectories
                )
                .SelectMany(path => Name().Matches(File.ReadAllText(path)))
                .Select(match => match.Groups[1].Value),
        ];
        Assert.That(parts.Where(part => !names.Any(name => name.Contains(part))), Is.Empty);
    }

    [GeneratedRegex(@"(?:class|public void|public async Task) (\w+)")]
    private static partial Regex Name();
}
