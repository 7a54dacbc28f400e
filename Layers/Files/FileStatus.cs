using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Sequor.Layers;

/// <summary>
/// Calls stat, since .NET tells neither a file's owner nor its identity. On Linux it is statx, whose structure is the same on all
/// processors.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal static unsafe partial class FileStatus
{
    private const string C = "libc";
    private const int CurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const uint BasicStatus = 0x7ff;
    private const uint TypeBits = 0xf000;
    private const uint ModeBits = 0xfff;

    public static int Of(string path, bool follow, out FileFacts facts)
    {
        facts = default;
        if (OperatingSystem.IsLinux())
        {
            Statx status = default;
            int flags = follow ? 0 : NoFollow;
            return statx(CurrentFolder, path, flags, BasicStatus, &status) == 0
                ? Read(status, out facts)
                : Marshal.GetLastPInvokeError();
        }
        MacStat mac = default;
        return (follow ? stat(path, &mac) : lstat(path, &mac)) == 0
            ? Read(mac, out facts)
            : Marshal.GetLastPInvokeError();
    }

    public static int Of(int file, out FileFacts facts)
    {
        facts = default;
        if (OperatingSystem.IsLinux())
        {
            Statx status = default;
            return statx(file, "", EmptyPath, BasicStatus, &status) == 0
                ? Read(status, out facts)
                : Marshal.GetLastPInvokeError();
        }
        MacStat mac = default;
        return fstat(file, &mac) == 0 ? Read(mac, out facts) : Marshal.GetLastPInvokeError();
    }

    private static int Read(in Statx status, out FileFacts facts)
    {
        facts = new FileFacts(
            Kind(status.Mode),
            status.Mode & ModeBits,
            status.Owner,
            status.Group,
            new FileIdentity(((ulong)status.DeviceMajor << 32) | status.DeviceMinor, status.Node),
            status.Links,
            Time(status.ChangedSeconds)
        );
        return 0;
    }

    private static int Read(in MacStat status, out FileFacts facts)
    {
        facts = new FileFacts(
            Kind(status.Mode),
            status.Mode & ModeBits,
            status.Owner,
            status.Group,
            new FileIdentity((uint)status.Device, status.Node),
            status.Links,
            Time(status.ChangedSeconds)
        );
        return 0;
    }

    private static FileKind Kind(uint mode) =>
        (mode & TypeBits) switch
        {
            0x8000 => FileKind.Regular,
            0x4000 => FileKind.Folder,
            0xa000 => FileKind.Link,
            0x2000 => FileKind.Device,
            0x6000 => FileKind.BlockDevice,
            _ => FileKind.Stream,
        };

    // A file may have any time, of which DateTime covers only a part.
    private static DateTime Time(long seconds) =>
        DateTime.UnixEpoch.AddSeconds(Math.Clamp(seconds, -60_000_000_000, 250_000_000_000));

    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Statx
    {
        [FieldOffset(16)]
        public uint Links;

        [FieldOffset(20)]
        public uint Owner;

        [FieldOffset(24)]
        public uint Group;

        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(32)]
        public ulong Node;

        [FieldOffset(96)]
        public long ChangedSeconds;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }

    [StructLayout(LayoutKind.Explicit, Size = 144)]
    private struct MacStat
    {
        [FieldOffset(0)]
        public int Device;

        [FieldOffset(4)]
        public ushort Mode;

        [FieldOffset(6)]
        public ushort Links;

        [FieldOffset(8)]
        public ulong Node;

        [FieldOffset(16)]
        public uint Owner;

        [FieldOffset(20)]
        public uint Group;

        [FieldOffset(64)]
        public long ChangedSeconds;
    }

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int folder, string path, int flags, uint mask, Statx* status);

    // The layout of stat on 64-bit ARM, which is the processor that macOS continues with.
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int stat(string path, MacStat* status);

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int lstat(string path, MacStat* status);

    [LibraryImport(C, SetLastError = true)]
    private static partial int fstat(int file, MacStat* status);
}
