using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using NUnit.Framework;

namespace Sequor.Tests.Builds;

/// <summary>What a build in CI leaves in the assemblies: nothing of the folder that it was made in.</summary>
[TestFixture]
public sealed class AssemblyTests
{
    [Test]
    public void Debugging_information_names_no_folder_of_the_machine()
    {
        string[] ours =
        [
            .. Directory
                .GetFiles(AppContext.BaseDirectory, "*.dll")
                .Where(file =>
                    Path.GetFileName(file) is string name
                    && (
                        name.StartsWith("Sequor.", StringComparison.Ordinal)
                        || name is "sequor.dll" or "libsequor.dll"
                    )
                ),
        ];
        Assert.That(ours, Has.Length.AtLeast(8));
        List<string> documents = [.. ours.SelectMany(Documents)];
        if (Environment.GetEnvironmentVariable("CI") != "true")
            Assert.Ignore(
                "only builds with CI=true leave the folder out, for debuggers to find it"
            );
        Assert.That(documents, Has.All.StartsWith("/_"));
    }

    private static List<string> Documents(string path)
    {
        using FileStream file = File.OpenRead(path);
        using var assembly = new PEReader(file);
        DebugDirectoryEntry[] entries = [.. assembly.ReadDebugDirectory()];
        Assert.That(
            entries.Select(entry => entry.Type),
            Does.Contain(DebugDirectoryEntryType.Reproducible)
                .And.Contain(DebugDirectoryEntryType.EmbeddedPortablePdb),
            path
        );
        using MetadataReaderProvider provider = assembly.ReadEmbeddedPortablePdbDebugDirectoryData(
            entries.Single(entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb)
        );
        MetadataReader reader = provider.GetMetadataReader();
        List<string> documents =
        [
            .. reader.Documents.Select(d => reader.GetString(reader.GetDocument(d).Name)),
        ];
        Assert.That(documents, Is.Not.Empty, path);
        return documents;
    }
}
