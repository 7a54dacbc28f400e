using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NUnit.Framework;

namespace Sequor.Tests.Interop;

/// <summary>
/// Stands for another API's memory: a file of memory alone (memfd_create), mapped here, whose descriptors are given away as Vulkan gives
/// those of its memory. On Linux alone.
/// </summary>
internal sealed unsafe partial class OtherApi : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _data;

    public OtherApi(long bytes)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("Memory is shared by memfd_create here, which Linux alone has.");
        _file = new SafeFileHandle(MemfdCreate("sequor-test", 0), ownsHandle: true);
        Assert.That(_file.IsInvalid, Is.False, "memfd_create");
        _map = MemoryMappedFile.CreateFromFile(
            _file,
            null,
            bytes,
            MemoryMappedFileAccess.ReadWrite,
            HandleInheritability.None,
            leaveOpen: true
        );
        _view = _map.CreateViewAccessor(0, bytes);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _data);
        Bytes = bytes;
    }

    public long Bytes { get; }

    /// <summary>What the other API has in its memory.</summary>
    public Span<T> Content<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(new Span<byte>(_data, (int)Bytes));

    /// <summary>The value of a semaphore, which a wait for it looks at.</summary>
    public ulong Value
    {
        get => Volatile.Read(ref *(ulong*)_data);
        set => Volatile.Write(ref *(ulong*)_data, value);
    }

    /// <summary>A descriptor for whoever takes it over.</summary>
    public int Descriptor()
    {
        int descriptor = Dup((int)_file.DangerousGetHandle());
        Assert.That(descriptor, Is.GreaterThanOrEqualTo(0), "dup");
        return descriptor;
    }

    /// <summary>Whether a descriptor is open in this process.</summary>
    public static bool IsOpen(int descriptor) =>
        Directory.Exists("/proc/self/fd") && File.Exists($"/proc/self/fd/{descriptor}")
        || new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget is not null;

    /// <summary>Closes a descriptor that no one took over.</summary>
    public static void Close(int descriptor) => new SafeFileHandle(descriptor, true).Dispose();

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
        _file.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Dup(int descriptor);
}
