using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds.Packages;

/// <summary>
/// The packages of the commit that the sources are at, made twice in clones that know other origins, and those of another
/// commit; made once for all tests. What is not committed is left out.
/// </summary>
internal sealed class PackedFeed
{
    /// <summary>An origin that no package may tell.</summary>
    public const string Origin = "https://name:word@example.org/private/fork.git";

    private static readonly Lazy<PackedFeed> s_shared = new(() => new PackedFeed());

    private readonly DirectoryInfo _folder;

    private PackedFeed()
    {
        string root = Repository.Root(
            ".git",
            "there is no repository to clone: this test program runs outside it"
        );
        if (RuntimeInformation.IsOSPlatform(OSPlatform.Windows))
            Assert.Ignore("the packages are made by build.sh");
        _folder = Directory.CreateTempSubdirectory("sequor-packages-");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => _folder.Delete(recursive: true);
        Dotnet = new Dotnet(Path.Combine(_folder.FullName, "packages"));
        // Of different length and depth, and with a blank.
        Clone = Path.Combine(_folder.FullName, "a");
        OtherClone = Path.Combine(_folder.FullName, "some other", "place for it");
        foreach (string clone in (string[])[Clone, OtherClone])
        {
            Git(_folder.FullName, "clone", "-q", root, clone);
            Git(clone, "remote", "set-url", "origin", Origin);
        }
        First = Pack(Clone, "first");
        Again = Pack(OtherClone, "again");
        Commit = Git(Clone, "rev-parse", "HEAD").Trim();
        Git(OtherClone, "commit", "-q", "--allow-empty", "-m", "Nothing.");
        Next = Pack(OtherClone, "next");
    }

    /// <summary>The packages; made by the first test that asks.</summary>
    public static PackedFeed Shared => s_shared.Value;

    /// <summary>What runs dotnet with the packages.</summary>
    public Dotnet Dotnet { get; }

    /// <summary>Where the first packages were made.</summary>
    public string Clone { get; }

    /// <summary>Where the others were made; it is at the other commit.</summary>
    public string OtherClone { get; }

    /// <summary>The commit of the first packages.</summary>
    public string Commit { get; }

    /// <summary>A folder with packages.</summary>
    public string First { get; }

    /// <summary>A folder with the same, made elsewhere.</summary>
    public string Again { get; }

    /// <summary>A folder with those of the next commit.</summary>
    public string Next { get; }

    /// <summary>The version of the packages in a folder, which is the same for all.</summary>
    public static string VersionOf(string feed)
    {
        string[] versions =
        [
            .. Directory
                .GetFiles(feed, "*.nupkg")
                .Select(file => new NuPackage(file).Version)
                .Distinct(),
        ];
        Assert.That(versions, Has.Length.EqualTo(1), feed);
        return versions[0];
    }

    private string Pack(string clone, string name)
    {
        Ended ended = Dotnet.Start(Path.Combine(clone, "build.sh"), clone, "pack");
        Assert.That(ended.ExitCode, Is.Zero, ended.Text);
        // Another pack in the clone would remove them.
        string feed = Path.Combine(_folder.FullName, "feeds", name);
        Directory.CreateDirectory(Path.GetDirectoryName(feed)!);
        Directory.Move(Path.Combine(clone, "artifacts", "package"), feed);
        return feed;
    }

    private string Git(string folder, params string[] arguments)
    {
        string[] settings = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        Ended ended = Dotnet.Start(
            "git",
            folder,
            [.. settings, "-c", "commit.gpgsign=false", .. arguments]
        );
        Assert.That(ended.ExitCode, Is.Zero, $"git {string.Join(' ', arguments)}\n{ended.Text}");
        return ended.Text;
    }
}
