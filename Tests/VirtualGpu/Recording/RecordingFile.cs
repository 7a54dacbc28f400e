using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// A recording as a file: magic, version, the payload's size and SHA-256, and the payload, compressed by Brotli. Numbers are
/// little-endian.
/// </summary>
internal static class RecordingFile
{
    /// <summary>The most that a recording of all kernels may take, bytes.</summary>
    public const long MostBytes = 15 << 20;

    private const int Version = 1;
    private const int HashBytes = 32;

    // What the payload may unfold to; a recording of the most bytes is a fraction of it.
    private const int MostPayload = 1 << 29;

    private static ReadOnlySpan<byte> Magic => "SEQUOREC"u8;

    private static int HeaderBytes => Magic.Length + sizeof(int) + HashBytes;

    /// <summary>A recording's bytes, the same for the same recording.</summary>
    public static byte[] ToBytes(Recording recording)
    {
        using var compressed = new MemoryStream();
        using (var brotli = new BrotliStream(compressed, CompressionLevel.SmallestSize, true))
        using (var buffered = new BufferedStream(brotli, 1 << 16))
        using (var writer = new BinaryWriter(buffered))
            new RecordingWriter(writer).Write(recording);
        byte[] payload = compressed.ToArray();
        using var file = new MemoryStream();
        using (var writer = new BinaryWriter(file))
        {
            writer.Write(Magic);
            writer.Write(Version);
            writer.Write(SHA256.HashData(payload));
            writer.Write(payload);
        }
        return file.ToArray();
    }

    /// <summary>Reads a recording.</summary>
    /// <param name="bytes">A whole file.</param>
    /// <exception cref="RecordingException">It is none that this program can read.</exception>
    public static Recording Read(byte[] bytes)
    {
        if (bytes.Length == 0)
            throw new RecordingException("it is empty");
        if (!bytes.AsSpan().StartsWith(Magic[..Math.Min(Magic.Length, bytes.Length)]))
            throw new RecordingException("it is no recording of launches");
        if (bytes.Length < HeaderBytes)
            throw new RecordingException($"it ends after {bytes.Length} bytes, within its head");
        int version = MemoryMarshal.Read<int>(bytes.AsSpan(Magic.Length));
        if (version != Version)
            throw new RecordingException(
                $"it is of version {version}, and this program reads version {Version}"
            );
        ReadOnlySpan<byte> hash = bytes.AsSpan(Magic.Length + sizeof(int), HashBytes);
        ReadOnlySpan<byte> payload = bytes.AsSpan(HeaderBytes);
        if (!SHA256.HashData(payload).AsSpan().SequenceEqual(hash))
            throw new RecordingException("it is damaged or cut off: its checksum is another");
        Recording recording = Unfold(bytes.AsMemory(HeaderBytes).ToArray());
        return recording.Launches.Count > 0
            ? recording
            : throw new RecordingException("it holds no launch");
    }

    /// <summary>Reads a payload as it is before it is compressed.</summary>
    /// <exception cref="RecordingException">It is malformed.</exception>
    public static Recording Parse(byte[] payload) =>
        Guarded(() =>
            new RecordingReader(
                new BinaryReader(new MemoryStream(payload), new UTF8Encoding(false, true))
            ).Read()
        );

    private static Recording Unfold(byte[] compressed) =>
        Guarded(() =>
        {
            using var stream = new BrotliStream(
                new MemoryStream(compressed),
                CompressionMode.Decompress
            );
            using var whole = new MemoryStream();
            Copy(stream, whole);
            return Parse(whole.ToArray());
        });

    private static Recording Guarded(Func<Recording> read)
    {
        try
        {
            return read();
        }
        catch (Exception e)
            when (e
                    is EndOfStreamException
                        or InvalidDataException
                        or InvalidOperationException
                        or OverflowException
                        or FormatException
                        or DecoderFallbackException
            )
        {
            throw new RecordingException($"its content is malformed: {e.Message}");
        }
    }

    private static void Copy(BrotliStream from, MemoryStream to)
    {
        byte[] part = new byte[1 << 16];
        for (int read; (read = from.Read(part)) > 0; )
        {
            to.Write(part, 0, read);
            if (to.Length > MostPayload)
                throw new InvalidDataException($"it unfolds to more than {MostPayload} bytes");
        }
    }
}
