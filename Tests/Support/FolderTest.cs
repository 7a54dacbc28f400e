using NUnit.Framework;

namespace Sequor.Tests.Support;

/// <summary>Tests that have a folder of their own, which is deleted when they end.</summary>
public abstract class FolderTest
{
    private DirectoryInfo _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("sequor-tests-");

    [TearDown]
    public void RemoveFolder() => _folder.Delete(recursive: true);

    protected string Folder => _folder.FullName;

    protected string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>The names of all files in the folder.</summary>
    protected string[] Names() =>
        [.. Directory.GetFileSystemEntries(Folder).Select(path => Path.GetFileName(path)).Order()];
}
