using System.Runtime.Versioning;
using System.Text;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Training;

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

    private void AssertNew()
    {
        Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo(New));
        Assert.That(Names(), Is.EqualTo(new[] { "file" }));
    }
}
