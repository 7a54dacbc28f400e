using System.Runtime.Versioning;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Writing fails: the old file stays and nothing else is left.</summary>
[TestFixture]
public sealed class SafetensorsFailureTests : FolderTest
{
    private static readonly SafetensorsTensor Small = SafetensorsTensor.Of("a", new float[3], 3);
    private static readonly SafetensorsTensor Large = SafetensorsTensor.Of(
        "b",
        new float[600_000],
        600_000
    );

    private string OldFile()
    {
        string path = PathOf("old.safetensors");
        Safetensors.Write(path, [SafetensorsTensor.Of("old", new byte[] { 1, 2, 3 }, 3)]);
        return path;
    }

    private void AssertOld(string path)
    {
        Assert.That(Names(), Is.EqualTo(new[] { Path.GetFileName(path) }));
        using SafetensorsFile file = Safetensors.Open(path);
        Assert.That(file.ReadBytes("old"), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public void A_written_file_takes_the_old_ones_place()
    {
        string path = OldFile();
        Safetensors.Write(path, [Small]);
        Assert.That(Names(), Is.EqualTo(new[] { "old.safetensors" }));
        using SafetensorsFile file = Safetensors.Open(path);
        Assert.That(file.Entries.Single().Name, Is.EqualTo("a"));
    }

    [Test]
    public void A_file_in_use_is_replaced_and_still_readable()
    {
        string path = OldFile();
        using SafetensorsFile old = Safetensors.Open(path);
        if (OperatingSystem.IsWindows())
            Assert.Ignore("Windows does not replace open files.");
        Safetensors.Write(path, [Small]);
        Assert.That(old.ReadBytes("old"), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public void A_missing_folder_is_told()
    {
        string path = Path.Combine(Folder, "missing", "a.safetensors");
        Assert.That(
            () => Safetensors.Write(path, [Small]),
            Throws.TypeOf<IOException>().With.Message.Contains($"Cannot write '{path}'")
        );
        Assert.That(Names(), Is.Empty);
    }

    [Test]
    public void A_folder_in_the_files_place_is_told()
    {
        string path = PathOf("folder");
        Directory.CreateDirectory(path);
        Assert.That(
            () => Safetensors.Write(path, [Small]),
            Throws.TypeOf<IOException>().With.Message.Contains($"Cannot write '{path}'")
        );
        Assert.That(Names(), Is.EqualTo(new[] { "folder" }));
        Assert.That(Directory.GetFileSystemEntries(path), Is.Empty);
    }

    [Test]
    public void A_file_in_the_folders_place_is_told()
    {
        string path = OldFile();
        Assert.That(
            () => Safetensors.Write(Path.Combine(path, "a"), [Small]),
            Throws.TypeOf<IOException>().With.Message.Contains("Cannot write")
        );
        AssertOld(path);
    }

    // A real file of the temporary name is there, but what is written goes to a device that is always full.
    [Test]
    [Platform("Linux")]
    [UnsupportedOSPlatform("windows")]
    public void A_full_disk_leaves_the_old_file([Values] bool large)
    {
        string path = OldFile();
        Assert.That(
            () => Safetensors.Write(path, [large ? Large : Small], null, new FullDisk()),
            Throws
                .TypeOf<IOException>()
                .With.Message.Contains($"Cannot write '{path}'")
                .And.Message.Contains("No space left")
        );
        AssertOld(path);
    }

    // With a buffer, only flushing or closing finds that the disk is full.
    [Test]
    [Platform("Linux")]
    [UnsupportedOSPlatform("windows")]
    public void A_full_disk_found_late_leaves_the_old_file()
    {
        string path = OldFile();
        Assert.That(
            () => Safetensors.Write(path, [Small], null, new FullDisk(buffer: 4096)),
            Throws.TypeOf<IOException>().With.Message.Contains($"Cannot write '{path}'")
        );
        AssertOld(path);
    }

    [UnsupportedOSPlatform("windows")]
    private sealed class FullDisk(int buffer = 0) : UnixFileCalls
    {
        public override FileStream Create(string path, bool ownerOnly)
        {
            base.Create(path, ownerOnly).Dispose();
            return new FileStream(
                "/dev/full",
                FileMode.Open,
                FileAccess.Write,
                FileShare.ReadWrite,
                buffer
            );
        }
    }

    [Test]
    public void Values_that_are_gone_leave_the_old_file()
    {
        string path = OldFile();
        using Backend backend = Backend.Create("cpu", new BackendOptions { Threads = 1 });
        Storage storage = backend.Allocate(4, MemoryCategory.Parameters);
        SafetensorsTensor gone = SafetensorsTensor.Of("x", new Tensor(storage, 0, new Shape(4)));
        storage.Dispose();
        Assert.That(
            () => Safetensors.Write(path, [Large, gone]),
            Throws.InstanceOf<ObjectDisposedException>()
        );
        AssertOld(path);
    }

    [Test]
    [Platform("Linux,MacOsX")]
    [UnsupportedOSPlatform("windows")]
    public void A_folder_without_permission_is_told()
    {
        if (Environment.IsPrivilegedProcess)
            Assert.Ignore("No folder is closed to this user.");
        string path = OldFile();
        File.SetUnixFileMode(Folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Assert.That(
                () => Safetensors.Write(path, [Small]),
                Throws.TypeOf<IOException>().With.Message.Contains($"Cannot write '{path}'")
            );
            AssertOld(path);
        }
        finally
        {
            File.SetUnixFileMode(
                Folder,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
        }
    }
}
