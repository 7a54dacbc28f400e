using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Sequor.Layers;

/// <summary>
/// Writes to a file that this process has open, at the position where its last writer stopped. A FileStream would keep a position of its
/// own and overwrite what others append.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal sealed unsafe partial class DescriptorStream(int descriptor) : Stream
{
    private const string C = "libc";
    private const int TryAgain = 11;
    private const int TryAgainOnMac = 35;
    private const short Writable = 4;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint written;
            fixed (byte* bytes = buffer)
                written = write(descriptor, bytes, (nuint)buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }
            int error = Marshal.GetLastPInvokeError();
            if (error == (OperatingSystem.IsMacOS() ? TryAgainOnMac : TryAgain))
                Wait();
            else if (error != FileCalls.Interrupted)
                throw new IOException(FileCalls.Text(error)) { HResult = error };
        }
    }

    public override void Write(byte[] buffer, int offset, int count) =>
        Write(buffer.AsSpan(offset, count));

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    // The descriptor may be non-blocking, since another program that shares the open file may have set that.
    private void Wait()
    {
        var asked = new Asked { File = descriptor, Events = Writable };
        _ = poll(&asked, 1, -1);
    }

    private struct Asked
    {
        public int File;
        public short Events;
        public short Answered;
    }

    [LibraryImport(C, SetLastError = true)]
    private static partial nint write(int file, byte* bytes, nuint count);

    [LibraryImport(C)]
    private static partial int poll(Asked* asked, nuint count, int milliseconds);
}
