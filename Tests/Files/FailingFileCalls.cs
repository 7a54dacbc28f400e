using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>The system's own calls, of which one fails.</summary>
/// <param name="name">The one that fails.</param>
/// <param name="error">Its errno.</param>
/// <param name="good">Calls of it that go well before.</param>
/// <param name="bad">Calls that fail then.</param>
[UnsupportedOSPlatform("windows")]
internal class FailingFileCalls(string name, int error, int good = 0, int bad = int.MaxValue)
    : UnixFileCalls
{
    public const int NotPermitted = 1;
    public const int Io = 5;
    public const int Access = 13;
    public const int NoSpace = 28;
    public const int ReadOnly = 30;
    public static readonly int Quota = OperatingSystem.IsMacOS() ? 69 : 122;

    private int _calls;

    /// <summary>Whether files have one name each, as on a file system without links.</summary>
    public bool WithoutLinks { get; init; }

    /// <summary>How often the call failed.</summary>
    public int Failed => Math.Clamp(_calls - good, 0, bad);

    public override FileStream Create(string path, bool ownerOnly)
    {
        ThrowIf(nameof(Create));
        return new FailingStream(path, base.Create(path, ownerOnly), this);
    }

    public override FileStream Open(string path)
    {
        ThrowIf(nameof(Open));
        return new FailingStream(path, base.Open(path), this);
    }

    public override int Resolve(string folder, out string resolved)
    {
        int real = base.Resolve(folder, out resolved);
        return Answer(nameof(Resolve), () => real);
    }

    public override int SetOwner(SafeFileHandle file, uint? owner, uint group) =>
        Answer(nameof(SetOwner), () => base.SetOwner(file, owner, group));

    public override int SetMode(SafeFileHandle file, uint mode) =>
        Answer(nameof(SetMode), () => base.SetMode(file, mode));

    public override int Sync(SafeFileHandle file) => Answer(nameof(Sync), () => base.Sync(file));

    public override int SyncFolder(string folder) =>
        Answer(nameof(SyncFolder), () => base.SyncFolder(folder));

    public override int Link(string path, string second) =>
        WithoutLinks ? NotPermitted : Answer(nameof(Link), () => base.Link(path, second));

    public override int Rename(string from, string to) =>
        Answer(nameof(Rename), () => base.Rename(from, to));

    private int Answer(string call, Func<int> real) => Fails(call) ? error : real();

    private void ThrowIf(string call)
    {
        if (Fails(call))
            throw new IOException(Text(error)) { HResult = error };
    }

    private bool Fails(string call)
    {
        if (call != name)
            return false;
        _calls++;
        return _calls > good && _calls - good <= bad;
    }

    // The handle of the file itself, and writing that can fail.
    private sealed class FailingStream(string path, FileStream file, FailingFileCalls calls)
        : FileStream(file.SafeFileHandle, FileAccess.Write, bufferSize: 0)
    {
        public override string Name => path;

        // A stream derived from FileStream writes spans by this call as well.
        public override void Write(byte[] buffer, int offset, int count)
        {
            calls.ThrowIf(nameof(Write));
            base.Write(buffer, offset, count);
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            file.Dispose();
        }
    }
}

/// <summary>The same of a file that cannot be renamed over.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class MountedFileCalls(string name, int good)
    : FailingFileCalls(name, Io, good, bad: 1)
{
    private bool _renamed;

    public override int Rename(string from, string to)
    {
        if (_renamed)
            return base.Rename(from, to);
        _renamed = true;
        return Busy;
    }
}
