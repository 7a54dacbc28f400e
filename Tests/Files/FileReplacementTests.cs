using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Tool;

namespace Sequor.Tests.Files;

/// <summary>Each call to the system fails in turn: the old file is what it was, and nothing is left beside it.</summary>
[TestFixture]
[Platform(Exclude = "Win", Reason = "calls of Unix")]
[UnsupportedOSPlatform("windows")]
public sealed class FileReplacementTests : FolderTest
{
    private const string Old = "the old content, which is longer than the new one";
    private const string New = "the new content";

    private string File => PathOf("file");

    private void WriteOld()
    {
        System.IO.File.WriteAllText(File, Old);
        System.IO.File.SetUnixFileMode(
            File,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead
        );
    }

    private void Write(FileCalls? calls = null) => Write(File, calls);

    // In two parts, so that the second can fail.
    private static void Write(string path, FileCalls? calls = null) =>
        FileReplacement.Write(
            path,
            stream =>
            {
                stream.Write(Encoding.UTF8.GetBytes(New[..5]));
                stream.Write(Encoding.UTF8.GetBytes(New[5..]));
            },
            calls
        );

    private static IEnumerable<TestCaseData> Failures()
    {
        foreach (bool exists in (bool[])[true, false])
        {
            foreach (
                int error in (int[])
                    [
                        FailingFileCalls.Io,
                        FailingFileCalls.NoSpace,
                        FailingFileCalls.Quota,
                        FailingFileCalls.Access,
                        FailingFileCalls.ReadOnly,
                    ]
            )
            {
                foreach (
                    string call in (string[])["Resolve", "Create", "Sync", "SyncFolder", "Rename"]
                )
                    yield return new TestCaseData(call, error, 0, exists);
                yield return new TestCaseData("Write", error, 0, exists);
                yield return new TestCaseData("Write", error, 1, exists);
            }
        }
        yield return new TestCaseData("SetMode", FailingFileCalls.Io, 0, true);
    }

    [TestCaseSource(nameof(Failures))]
    public void A_failure_leaves_the_old_file_alone(string call, int error, int good, bool exists)
    {
        if (exists)
            WriteOld();
        var calls = new FailingFileCalls(call, error, good);
        Assert.That(
            () => Write(calls),
            Throws.TypeOf<IOException>().With.Message.Contains(FileCalls.Text(error))
        );
        Assert.That(calls.Failed, Is.Positive);
        Assert.That(Names(), Is.EqualTo(exists ? (string[])["file"] : []));
        if (exists)
            Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo(Old));
        Write();
        Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo(New));
    }

    [Test]
    public void A_signal_in_a_call_is_no_failure(
        [Values("Sync", "SyncFolder", "Rename", "Link", "SetMode")] string call
    )
    {
        WriteOld();
        var calls = new FailingFileCalls(call, FileCalls.Interrupted, bad: 3);
        Write(calls);
        Assert.That(calls.Failed, Is.EqualTo(3));
        AssertNew();
    }

    [Test]
    public void A_new_file_has_the_mode_that_the_process_gives_and_a_replaced_one_its_own()
    {
        Write();
        System.IO.File.WriteAllText(PathOf("other"), "");
        Assert.That(
            System.IO.File.GetUnixFileMode(File),
            Is.EqualTo(System.IO.File.GetUnixFileMode(PathOf("other")))
        );
        const UnixFileMode mode =
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead;
        System.IO.File.SetUnixFileMode(File, mode);
        Write();
        Assert.That(System.IO.File.GetUnixFileMode(File), Is.EqualTo(mode));
    }

    // What the old group might do is nothing for the group of this process.
    [Test]
    public void Where_the_owner_cannot_be_kept_the_group_may_do_what_all_may()
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root makes files of others.");
        WriteOld();
        Program("chown", "12345:23456", File);
        Write();
        Assert.That(Facts(File).Owner, Is.EqualTo(12345));
        Assert.That(Facts(File).Group, Is.EqualTo(23456));
        Write(new FailingFileCalls("SetOwner", 1));
        Assert.That(Facts(File).Owner, Is.Not.EqualTo(12345));
        Assert.That(
            System.IO.File.GetUnixFileMode(File),
            Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite)
        );
        AssertNew();
    }

    [Test]
    public void Links_stay_links_and_a_chain_may_end_at_no_file_yet([Values] bool exists)
    {
        string target = Path.Combine(Folder, "real", "file");
        Directory.CreateDirectory(Path.Combine(Folder, "real", "deep"));
        if (exists)
            System.IO.File.WriteAllText(target, Old);
        // The folder is a link as well, and two points lead up from where it leads to.
        Directory.CreateSymbolicLink(PathOf("folder"), Path.Combine("real", "deep"));
        System.IO.File.CreateSymbolicLink(
            Path.Combine(Folder, "real", "deep", "second"),
            "../file"
        );
        System.IO.File.CreateSymbolicLink(PathOf("first"), Path.Combine("folder", "second"));
        Write(PathOf("first"));
        Assert.That(System.IO.File.ReadAllText(target), Is.EqualTo(New));
        Assert.That(new FileInfo(PathOf("first")).LinkTarget, Is.Not.Null);
        Assert.That(Names(), Is.EqualTo(new[] { "first", "folder", "real" }));
        Assert.That(
            Directory.GetFileSystemEntries(Path.Combine(Folder, "real")).Select(Path.GetFileName),
            Is.EquivalentTo(new[] { "deep", "file" })
        );
    }

    [Test]
    public void Links_that_go_round_or_lead_to_no_folder_are_told()
    {
        System.IO.File.CreateSymbolicLink(PathOf("round"), "round");
        System.IO.File.CreateSymbolicLink(PathOf("away"), "missing/file");
        Assert.That(
            () => Write(PathOf("round")),
            Throws.TypeOf<IOException>().With.Message.Contains("round")
        );
        Assert.That(
            () => Write(PathOf("away")),
            Throws.TypeOf<IOException>().With.Message.Contains(PathOf("missing"))
        );
    }

    [Test]
    public void A_file_that_cannot_be_renamed_over_is_overwritten(
        [Values(FileCalls.Busy, FileCalls.OtherDevice)] int error
    )
    {
        WriteOld();
        FileIdentity identity = Facts(File).Identity;
        Write(new FailingFileCalls("Rename", error, bad: 1));
        AssertNew();
        Assert.That(Facts(File).Identity, Is.EqualTo(identity));
    }

    [Test]
    public void A_mounted_file_is_overwritten()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root mounts, and only Linux mounts a file on a file.");
        WriteOld();
        System.IO.File.WriteAllText(PathOf("source"), Old);
        if (Program("mount", "--bind", PathOf("source"), File) != 0)
            Assert.Ignore("This system lets nobody mount.");
        try
        {
            Write();
            Assert.That(System.IO.File.ReadAllText(PathOf("source")), Is.EqualTo(New));
        }
        finally
        {
            Program("umount", File);
        }
        Assert.That(Names(), Is.EqualTo(new[] { "file", "source" }));
    }

    // The content must be found by who has only half of it in the file.
    [TestCase("Write", 2)]
    [TestCase("Sync", 1)]
    public void What_is_not_overwritten_whole_lies_beside_the_file(string call, int good)
    {
        WriteOld();
        var calls = new MountedFileCalls(call, good);
        IOException error = Assert.Throws<IOException>(() => Write(calls))!;
        string kept = Names().Single(name => name != "file");
        Assert.That(
            error.Message,
            Does.Contain(PathOf(kept)).And.Contain(FileCalls.Text(FailingFileCalls.Io))
        );
        Assert.That(System.IO.File.ReadAllText(PathOf(kept)), Is.EqualTo(New));
        // Nor does a later run remove it.
        Write();
        Assert.That(Names(), Has.Length.EqualTo(2));
    }

    [Test]
    public void A_failed_copy_before_overwriting_leaves_the_old_file()
    {
        WriteOld();
        Assert.That(
            () => Write(new MountedFileCalls("Open", 0)),
            Throws.TypeOf<IOException>().With.Message.Contains(FileCalls.Text(FailingFileCalls.Io))
        );
        Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo(Old));
        Assert.That(Names(), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public void Files_of_dead_processes_are_removed_and_those_of_living_ones_are_not()
    {
        System.IO.File.WriteAllText(TemporaryFiles.NewIn(Folder), "of a process that was killed");
        System.IO.File.WriteAllText(PathOf(".sequor-notes"), "of a user");
        string living = TemporaryFiles.NewIn(Folder);
        using (FileStream open = FileCalls.System.Create(living, ownerOnly: true))
        {
            Write();
            Assert.That(
                Names(),
                Is.EquivalentTo(new[] { ".sequor-notes", Path.GetFileName(living), "file" })
            );
        }
        Write();
        Assert.That(Names(), Is.EqualTo(new[] { ".sequor-notes", "file" }));
    }

    [Test]
    public void Many_that_write_one_file_at_a_time_do_not_disturb_each_other()
    {
        string[] failures =
        [
            .. Enumerable
                .Range(0, 64)
                .AsParallel()
                .WithDegreeOfParallelism(8)
                .Select(_ =>
                {
                    try
                    {
                        Write();
                        return "";
                    }
                    catch (IOException e)
                    {
                        return e.Message;
                    }
                })
                .Where(message => message.Length > 0),
        ];
        Assert.That(failures, Is.Empty);
        AssertNew();
    }

    [Test]
    public void Places_are_the_same_by_whatever_name()
    {
        Directory.CreateDirectory(PathOf("d"));
        Directory.CreateSymbolicLink(PathOf("e"), "d");
        WriteOld();
        Program("ln", File, PathOf("hard"));
        System.IO.File.CreateSymbolicLink(PathOf("soft"), "file");
        Assert.That(Same("file", "hard"), Is.True);
        Assert.That(Same("soft", "hard"), Is.True);
        Assert.That(Same("d/new", "e/new"), Is.True);
        Assert.That(Same("d/new", "e/../d/new"), Is.True);
        Assert.That(Same("d/new", "d/other"), Is.False);
        Assert.That(Same("d/file", "file"), Is.False);

        bool Same(string a, string b) =>
            FilePlace.Find(PathOf(a)).IsSameAs(FilePlace.Find(PathOf(b)));
    }

    // One test of the system's own calls: what the seam makes fail above, the kernel makes fail here.
    [Test]
    [Platform("Linux")]
    public void A_full_file_system_leaves_the_old_file()
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root mounts.");
        string small = PathOf("small");
        Directory.CreateDirectory(small);
        if (Program("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small) != 0)
            Assert.Ignore("This system lets nobody mount.");
        try
        {
            string path = Path.Combine(small, "file");
            System.IO.File.WriteAllText(path, Old);
            Assert.That(
                () => FileReplacement.Write(path, stream => stream.Write(new byte[1 << 20])),
                Throws.TypeOf<IOException>().With.Message.Contains("No space left")
            );
            Assert.That(System.IO.File.ReadAllText(path), Is.EqualTo(Old));
            Assert.That(Directory.GetFileSystemEntries(small), Has.Length.EqualTo(1));
        }
        finally
        {
            Program("umount", small);
        }
    }

    private void AssertNew()
    {
        Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo(New));
        Assert.That(Names(), Is.EqualTo(new[] { "file" }));
    }

    private static FileFacts Facts(string path)
    {
        Assert.That(FileCalls.System.Examine(path, follow: false, out FileFacts facts), Is.Zero);
        return facts;
    }

    private static int Program(string name, params string[] arguments)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(name, arguments) { RedirectStandardError = true }
        )!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
