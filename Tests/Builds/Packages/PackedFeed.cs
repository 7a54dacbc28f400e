using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds.Packages;

/// <summary>
/// The packages of the commit that the sources are at, made by build.sh in one clone and by dotnet alone in another, and those
/// of another commit; made once for all tests, in minutes. What is not committed is left out. SEQUOR_TEST_PACKAGES names a
/// folder in which they stay, so that further runs at the commit need not make them.
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
        if (Environment.GetEnvironmentVariable("SEQUOR_TEST_PACKAGES") is { Length: > 0 } kept)
        {
            _folder = Directory.CreateDirectory(kept);
        }
        else
        {
            _folder = Directory.CreateTempSubdirectory("sequor-packages-");
            AppDomain.CurrentDomain.ProcessExit += (_, _) => _folder.Delete(recursive: true);
        }
        Dotnet = new Dotnet(Path.Combine(_folder.FullName, "packages"));
        Commit = Git(root, "rev-parse", "HEAD").Trim();
        string commit = Path.Combine(_folder.FullName, Commit[..10]);
        // Of different length and depth, and with a blank.
        Clone = Path.Combine(commit, "a");
        OtherClone = Path.Combine(commit, "some other", "place for it");
        foreach (string clone in (string[])[Clone, OtherClone])
        {
            if (Directory.Exists(clone))
                continue;
            Git(_folder.FullName, "clone", "-q", root, clone);
            Git(clone, "remote", "set-url", "origin", Origin);
        }
        First = Feed("first", Clone, "./build.sh", "pack");
        string[] pack = ["pack", "Sequor.slnx", "-c", "Release", "-v", "quiet", "-tl:off"];
        Again = Feed("again", OtherClone, "dotnet", pack);
        if (Git(OtherClone, "rev-parse", "HEAD").Trim() == Commit)
            Git(OtherClone, "commit", "-q", "--allow-empty", "-m", "Nothing.");
        Next = Feed("next", OtherClone, "dotnet", pack);
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

    private string Feed(string name, string clone, string program, params string[] arguments)
    {
        string feed = Path.Combine(_folder.FullName, Commit[..10], "feeds", name);
        if (Directory.Exists(feed))
            return feed;
        Ended ended = Dotnet.Start(program, clone, arguments);
        Assert.That(ended.ExitCode, Is.Zero, ended.Text);
        // Another pack in the clone would remove them.
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
