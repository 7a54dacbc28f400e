using NUnit.Framework;

namespace Sequor.Tests.Support;

/// <summary>The sources from which the test program was built, for tests of the repository's files.</summary>
internal static class Repository
{
    /// <summary>The folder above the test program that contains a mark. If there is none, the test is skipped with the reason.</summary>
    /// <param name="mark">A file or folder, relative to the repository's root.</param>
    /// <param name="missing">Why a test cannot run without it.</param>
    public static string Root(
        string mark = "Sequor.slnx",
        string missing = "the sources are not here: this test program runs outside them"
    )
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !Path.Exists(Path.Combine(folder.FullName, mark)))
            folder = folder.Parent;
        if (folder is null)
            Assert.Ignore(missing);
        return folder!.FullName;
    }
}
