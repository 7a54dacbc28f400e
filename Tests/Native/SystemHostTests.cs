using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using NUnit.Framework;
using Sequor.Native;
using Sequor.Tests.Support;

namespace Sequor.Tests.Native;

/// <summary>The real loader, with files that are no libraries and one that every machine has.</summary>
[TestFixture]
public sealed class SystemHostTests : FolderTest
{
    private readonly SystemHost _host = new();

    [Test]
    public void A_file_that_is_no_library_fails_with_the_systems_reason()
    {
        string path = PathOf("libcudnn.so.9");
        File.WriteAllText(path, "This is no library.");
        LoadOutcome outcome = _host.Load(path);
        Assert.That(outcome.Library, Is.EqualTo((nint)0));
        Assert.That(outcome.Reason, Is.Not.Empty.And.Not.Contains("Unable to load shared library"));
        if (OperatingSystem.IsLinux())
            Assert.That(outcome.Reason, Is.EqualTo("file too short"));
    }

    [Test]
    public void A_file_that_is_not_there_fails_with_the_systems_reason()
    {
        LoadOutcome outcome = _host.Load(PathOf("libcudnn.so.9"));
        Assert.That(outcome.Library, Is.EqualTo((nint)0));
        if (OperatingSystem.IsLinux())
            Assert.That(outcome.Reason, Is.EqualTo(FakeMachine.NoFile));
    }

    [Test]
    public void The_whole_search_shows_the_systems_reason()
    {
        string path = PathOf("libcuda.so.1");
        File.WriteAllText(path, "This is no library.");
        NativeLibraries found = NativeLibraries.Load(
            new()
            {
                CudaDriverPath = path,
                CuDnnPath = path,
                CuBlasPath = path,
                // Nothing of this machine's.
                Resolve = kind =>
                    kind is LibraryKind.Nvrtc or LibraryKind.Nvml ? new FakeSymbols("none") : null,
            }
        );
        Assert.That(found.Failure!.Kind, Is.EqualTo(FailureKind.NotFound));
        SearchAttempt attempt = found.Driver.Attempts.Single();
        Assert.That((attempt.Path, attempt.Loaded), Is.EqualTo((path, false)));
        Assert.That(attempt.Reason, Is.EqualTo(_host.Load(path).Reason));
        Assert.That(found.Report(), Does.Contain($"  {path} (option): {attempt.Reason}\n"));
    }

    [Test]
    public void A_library_that_every_machine_has_is_loaded_and_listed()
    {
        string directory = RuntimeEnvironment.GetRuntimeDirectory();
        string name =
            OperatingSystem.IsWindows() ? "System.IO.Compression.Native.dll"
            : OperatingSystem.IsMacOS() ? "libSystem.Native.dylib"
            : "libSystem.Native.so";
        string path = Path.Combine(directory, name);
        LoadOutcome outcome = _host.Load(path);
        Assert.That(outcome.Library, Is.Not.EqualTo((nint)0), outcome.Reason);
        string symbol = OperatingSystem.IsWindows()
            ? "CompressionNative_Crc32"
            : "SystemNative_GetPid";
        Assert.That(_host.Symbol(outcome.Library, symbol), Is.Not.EqualTo((nint)0));
        Assert.That(_host.Symbol(outcome.Library, "cuInit"), Is.EqualTo((nint)0));
        if (!OperatingSystem.IsMacOS())
            Assert.That(_host.LoadedFiles().Select(Path.GetFileName), Does.Contain(name));
        _host.Unload(outcome.Library);
    }

    [Test]
    public void Reasons_are_the_systems_own_words()
    {
        Assert.That(
            SystemHost.Reason(
                "/a/b.so",
                "Unable to load shared library '/a/b.so' ... LD_DEBUG: \n/a/b.so: invalid ELF header\n\n"
            ),
            Is.EqualTo("invalid ELF header")
        );
        // A missing dependency is named in the place of the path.
        Assert.That(
            SystemHost.Reason(
                "/a/b.so",
                "Unable ...\nlibc.so.9: cannot open shared object file: No such file or directory"
            ),
            Is.EqualTo("libc.so.9: cannot open shared object file: No such file or directory")
        );
        Assert.That(
            SystemHost.Reason("b.dll", "Unable to load DLL 'b.dll': not found. (0x8007007E)"),
            Is.EqualTo("Unable to load DLL 'b.dll': not found. (0x8007007E)")
        );
    }

    [Test]
    public void Folders_are_listed_in_order_and_none_where_there_are_none()
    {
        Directory.CreateDirectory(PathOf("b"));
        Directory.CreateDirectory(PathOf("a"));
        File.WriteAllText(PathOf("c"), "");
        Assert.That(_host.Folders(Folder), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(_host.Folders(PathOf("nothing")), Is.Empty);
        Assert.That(_host.Folders(PathOf("c")), Is.Empty);
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "a script stands in for Python")]
    [UnsupportedOSPlatform("windows")]
    public void Python_is_asked_for_its_folders()
    {
        string python = Script("printf '/a b/site\\n/c\\n'\necho noise >&2");
        Assert.That(SystemHost.Ask(python), Is.EqualTo(new[] { "/a b/site", "/c" }));
    }

    [Test]
    public void Programs_are_looked_for_in_the_folders_of_PATH_alone()
    {
        Directory.CreateDirectory(PathOf("a"));
        Directory.CreateDirectory(PathOf("b"));
        string program = Path.Combine(PathOf("b"), "p");
        File.WriteAllText(program, "");
        string path = string.Join(Path.PathSeparator, ".", "", PathOf("a"), PathOf("b"));
        Assert.That(SystemHost.OnPath("p", path), Is.EqualTo(program));
        string here = Path.GetRelativePath(Environment.CurrentDirectory, PathOf("b"));
        Assert.That(SystemHost.OnPath("p", here), Is.Null);
        Assert.That(SystemHost.OnPath("p", ""), Is.Null);
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "a script stands in for Python")]
    [UnsupportedOSPlatform("windows")]
    public void A_Python_that_fails_has_no_folders()
    {
        Assert.That(SystemHost.Ask(Script("echo /a\nexit 127")), Is.Empty);
        Assert.That(SystemHost.Ask(Script("echo 'python3: command not found'")), Is.Empty);
        string none = Script("echo /a");
        File.SetUnixFileMode(none, UnixFileMode.UserRead);
        Assert.That(SystemHost.Ask(none), Is.Empty);
        Assert.That(SystemHost.Ask(PathOf("nothing")), Is.Empty);
    }

    [UnsupportedOSPlatform("windows")]
    private string Script(string text)
    {
        string path = PathOf($"python{Names().Length}");
        File.WriteAllText(path, $"#!/bin/sh\n{text}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return path;
    }
}
