using System.Globalization;
using System.Runtime.Versioning;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Files that a new one replaces are kept beside it.</summary>
[TestFixture]
[Platform(Exclude = "Win", Reason = "calls of Unix")]
[UnsupportedOSPlatform("windows")]
public sealed class KeptFilesTests : FolderTest
{
    private const string Number = "number";

    private const UnixFileMode Mode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    private string FilePath => PathOf("file");

    private void Write(int number, int keep, FileCalls? calls = null) =>
        Safetensors.WriteChecked(
            FilePath,
            [SafetensorsTensor.Of("a", new float[300], 300)],
            new Dictionary<string, string> { [Number] = $"{number}" },
            keep,
            calls
        );

    // Of the file, FILE.1, FILE.2 and so on; 0 where there is none.
    private int[] Numbers(int count) =>
        [.. Enumerable.Range(0, count).Select(i => Read(i == 0 ? FilePath : $"{FilePath}.{i}"))];

    private static int Read(string path)
    {
        if (!File.Exists(path))
            return 0;
        using SafetensorsFile file = Safetensors.Open(path);
        file.VerifyHeader();
        file.VerifyValues();
        return int.Parse(file.Metadata[Number], CultureInfo.InvariantCulture);
    }

    [TestCase(0, new[] { 5, 0, 0, 0, 0 })]
    [TestCase(1, new[] { 5, 4, 0, 0, 0 })]
    [TestCase(3, new[] { 5, 4, 3, 2, 0 })]
    [TestCase(4, new[] { 5, 4, 3, 2, 1 })]
    public void As_many_are_kept_as_asked_for(int keep, int[] numbers)
    {
        for (int i = 1; i <= 5; i++)
            Write(i, keep);
        Assert.That(Numbers(5), Is.EqualTo(numbers));
        Assert.That(Names(), Has.Length.EqualTo(keep + 1));
    }

    [Test]
    public void A_number_that_is_free_is_filled_before_any_file_goes()
    {
        for (int i = 1; i <= 4; i++)
            Write(i, 3);
        File.Delete($"{FilePath}.2");
        Write(5, 3);
        Assert.That(Numbers(4), Is.EqualTo(new[] { 5, 4, 3, 1 }));
    }

    [Test]
    public void Those_of_a_link_lie_beside_the_file()
    {
        Directory.CreateDirectory(PathOf("folder"));
        File.CreateSymbolicLink(FilePath, Path.Combine("folder", "target"));
        Write(1, 1);
        Write(2, 1);
        Assert.That(Read(Path.Combine(Folder, "folder", "target.1")), Is.EqualTo(1));
        Assert.That(Read(FilePath), Is.EqualTo(2));
        Assert.That(Names(), Is.EqualTo(new[] { "file", "folder" }));
        Assert.That(
            KeptFiles.Of(FilePath, 9),
            Is.EqualTo(new[] { Path.Combine(FilePlace.Find(FilePath).Folder!, "target.1") })
        );
    }

    [Test]
    public void A_file_that_is_kept_has_the_mode_that_it_had([Values] bool links)
    {
        Write(1, 1);
        File.SetUnixFileMode(FilePath, Mode);
        Write(2, 1, new FailingFileCalls("", 0) { WithoutLinks = !links });
        Assert.That(Numbers(2), Is.EqualTo(new[] { 2, 1 }));
        Assert.That(File.GetUnixFileMode($"{FilePath}.1"), Is.EqualTo(Mode));
    }

    [Test]
    public void Whatever_call_fails_no_whole_file_is_lost_but_by_a_newer_one(
        [Values("Resolve", "Create", "Write", "Sync", "SyncFolder", "Rename", "Link", "SetMode")]
            string call,
        [Values] bool forever,
        [Values] bool links
    )
    {
        int failed = 0;
        for (int good = 0; ; good++)
        {
            foreach (string name in Directory.GetFiles(Folder))
                File.Delete(name);
            for (int i = 1; i <= 3; i++)
                Write(i, 2);
            File.SetUnixFileMode(FilePath, Mode);
            var calls = new FailingFileCalls(
                call,
                FailingFileCalls.Io,
                good,
                forever ? int.MaxValue : 1
            )
            {
                WithoutLinks = !links,
            };
            bool saved = true;
            try
            {
                Write(4, 2, calls);
            }
            catch (IOException e)
            {
                saved = false;
                Assert.That(
                    e.Message,
                    Does.Contain(FilePath).And.Contain(FileCalls.Text(FailingFileCalls.Io))
                );
            }
            int[] numbers = Numbers(3);
            string what = $"{call} {good}: {string.Join(", ", numbers)}";
            if (saved)
                Assert.That(numbers, Is.EqualTo(new[] { 4, 3, 2 }), what);
            else if (numbers[0] == 4)
                // It says so, and what came before is there but for the one that could not be kept.
                Assert.That(numbers, Is.SupersetOf(new[] { 4, 2 }), what);
            else
                Assert.That(numbers, Is.EqualTo(new[] { 3, 2, 1 }), what);
            Assert.That(Names(), Is.All.StartsWith("file"), what);
            if (calls.Failed == 0)
                break;
            failed++;
            Write(5, 2);
            Assert.That(Read(FilePath), Is.EqualTo(5), what);
        }
        // Links are not asked for where there are none.
        Assert.That(failed, call == "Link" && !links ? Is.Zero : Is.Positive);
    }
}
