using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Where what was found out about a machine is kept.</summary>
[TestFixture]
internal sealed class CacheFolderTests : FolderTest
{
    private readonly Dictionary<string, string> _variables = [];

    [SetUp]
    public void Forget() => _variables.Clear();

    [Test]
    public void It_lies_in_the_users_folder_for_such_things()
    {
        _variables["HOME"] = PathOf("home");
        _variables["LOCALAPPDATA"] = PathOf("local");
        Assert.Multiple(() =>
        {
            Assert.That(
                CacheFolder.OnLinux(Variable).Path,
                Is.EqualTo(Path.Join(PathOf("home"), ".cache", "sequor"))
            );
            Assert.That(
                CacheFolder.OnMac(Variable).Path,
                Is.EqualTo(Path.Join(PathOf("home"), "Library", "Caches", "sequor"))
            );
            Assert.That(
                CacheFolder.OnWindows(Variable).Path,
                Is.EqualTo(Path.Join(PathOf("local"), "sequor", "cache"))
            );
        });
        _variables["XDG_CACHE_HOME"] = PathOf("xdg");
        Assert.That(
            CacheFolder.OnLinux(Variable).Path,
            Is.EqualTo(Path.Join(PathOf("xdg"), "sequor"))
        );
        _variables["XDG_CACHE_HOME"] = "relative";
        Assert.That(
            CacheFolder.OnLinux(Variable).Path,
            Is.EqualTo(Path.Join(PathOf("home"), ".cache", "sequor"))
        );
    }

    [Test]
    public void Its_own_variable_goes_before_all_others()
    {
        _variables["HOME"] = PathOf("home");
        _variables["XDG_CACHE_HOME"] = PathOf("xdg");
        _variables["LOCALAPPDATA"] = PathOf("local");
        _variables[CacheFolder.Variable] = PathOf("own");
        foreach (
            CacheFolder found in (CacheFolder[])
                [
                    CacheFolder.OnLinux(Variable),
                    CacheFolder.OnMac(Variable),
                    CacheFolder.OnWindows(Variable),
                ]
        )
            Assert.That(found, Is.EqualTo(new CacheFolder(PathOf("own"), null)));
        _variables[CacheFolder.Variable] = "";
        Assert.That(
            CacheFolder.OnLinux(Variable).Path,
            Is.EqualTo(Path.Join(PathOf("xdg"), "sequor"))
        );
    }

    [Test]
    public void Where_nothing_names_a_folder_it_is_told_what_would()
    {
        CacheFolder none = CacheFolder.OnLinux(Variable);
        Assert.Multiple(() =>
        {
            Assert.That(none.Path, Is.Null);
            Assert.That(none.Refusal, Does.Contain("SEQUOR_CACHE").And.Contain("HOME"));
            Assert.That(none.Create(), Is.EqualTo(none.Refusal));
        });
        _variables[CacheFolder.Variable] = "no\0name";
        Assert.That(CacheFolder.OnLinux(Variable).Refusal, Does.Contain("no folder's name"));
    }

    [Test]
    public void It_is_made_when_asked_for_and_for_its_user_alone()
    {
        _variables[CacheFolder.Variable] = PathOf(Path.Join("a", "b"));
        CacheFolder folder = CacheFolder.OnLinux(Variable);
        Assert.That(Directory.Exists(folder.Path), Is.False);
        Assert.That(folder.Create(), Is.Null);
        Assert.That(Directory.Exists(folder.Path), Is.True);
        if (!OperatingSystem.IsWindows())
            Assert.That(
                File.GetUnixFileMode(folder.Path!),
                Is.EqualTo(
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                )
            );
        Assert.That(folder.Create(), Is.Null, "again");
    }

    [Test]
    public void A_folder_that_cannot_be_made_is_told_and_nothing_thrown()
    {
        File.WriteAllText(PathOf("file"), "");
        _variables[CacheFolder.Variable] = PathOf(Path.Join("file", "below"));
        Assert.That(
            CacheFolder.OnLinux(Variable).Create(),
            Does.StartWith($"the folder '{PathOf(Path.Join("file", "below"))}' cannot be made: ")
        );
    }

    private string? Variable(string name) => _variables.GetValueOrDefault(name);
}
