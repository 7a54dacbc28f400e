using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sequor.Layers;

/// <summary>
/// Reads and writes files in the safetensors format: the length of a header (8 bytes, little-endian), the header as JSON with each tensor's
/// type, shape and place, and then the values without gaps. Source: github.com/huggingface/safetensors.
/// </summary>
public static class Safetensors
{
    internal const int LengthBytes = 8;

    // The limit of the format's reference implementation, in bytes.
    internal const long MaxHeader = 100_000_000;

    // No array library has as many dimensions. Without a limit a broken header could demand a lot of memory.
    internal const int MaxRank = 64;

    internal const string MetadataName = "__metadata__";

    private const int ChunkBytes = 1 << 20;

    private static readonly JsonWriterOptions Json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Opens a file and checks its whole header. Values are read when they are asked for.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SafetensorsException">The file is damaged, or is not a safetensors file.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new SafetensorsFile(path);
    }

    /// <summary>
    /// Writes a file as a whole or not at all: first under another name in the same folder, then flushed to the disk, then renamed over the
    /// old file. A link stays a link, and a file keeps its mode. The same tensors and metadata give the same bytes.
    /// </summary>
    /// <remarks>
    /// The header keeps the order given. Values of wider types come first, so that all begin at a multiple of their width.
    /// </remarks>
    /// <param name="path">The file; it may exist.</param>
    /// <param name="tensors">The tensors in the order of the header. Their names must differ.</param>
    /// <param name="metadata">Texts by name, stored in the header; null for none.</param>
    /// <exception cref="ArgumentException">
    /// A name occurs twice or is reserved, a text is not valid Unicode, or the header exceeds 100 MB.
    /// </exception>
    /// <exception cref="IOException">
    /// The file cannot be written; the message says why. An old file is unchanged, and nothing else is left behind.
    /// </exception>
    public static void Write(
        string path,
        IEnumerable<SafetensorsTensor> tensors,
        IReadOnlyDictionary<string, string>? metadata = null
    ) => Write(path, tensors, metadata, FileCalls.System);

    /// <summary>Writes a file of one of Sequor's own formats, which contain a checksum of all their bits.</summary>
    /// <param name="path">The file; it may exist.</param>
    /// <param name="tensors">The tensors in the order of the header. Their names must differ.</param>
    /// <param name="metadata">Texts by name, stored in the header.</param>
    /// <param name="keep">How many replaced files are kept.</param>
    /// <param name="calls">The system's calls, or those of a test.</param>
    internal static void WriteChecked(
        string path,
        IEnumerable<SafetensorsTensor> tensors,
        IReadOnlyDictionary<string, string> metadata,
        int keep = 0,
        FileCalls? calls = null
    ) =>
        Write(
            path,
            tensors,
            new Dictionary<string, string>(metadata) { [FileChecksum.Key] = FileChecksum.Unknown },
            calls ?? FileCalls.System,
            keep
        );

    internal static void Write(
        string path,
        IEnumerable<SafetensorsTensor> tensors,
        IReadOnlyDictionary<string, string>? metadata,
        FileCalls calls,
        int keep = 0
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        SafetensorsTensor[] given = [.. tensors];
        SafetensorsTensor[] laid =
        [
            .. given.OrderByDescending(tensor => SafetensorsTypes.Width(tensor.Type)),
        ];
        byte[] header = Header(given, laid, metadata);
        bool checks = metadata?.GetValueOrDefault(FileChecksum.Key) == FileChecksum.Unknown;
        try
        {
            FileReplacement.Write(
                path,
                stream => Write(stream, header, laid, checks ? new FileChecksum() : null),
                calls,
                keep
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Cannot write '{path}': {e.Message}", e);
        }
    }

    private static void Write(
        Stream stream,
        byte[] header,
        SafetensorsTensor[] laid,
        FileChecksum? checksum
    )
    {
        // A stream that cannot seek back to the header gets the checksum first, although the values are then read twice.
        if (checksum is not null && !stream.CanSeek)
        {
            foreach (SafetensorsTensor tensor in laid)
                Write(Stream.Null, tensor, checksum);
            checksum.Seal(header);
            checksum = null;
        }
        stream.Write(header);
        foreach (SafetensorsTensor tensor in laid)
            Write(stream, tensor, checksum);
        if (checksum is null)
            return;
        Range changed = checksum.Seal(header);
        stream.Position = changed.Start.Value;
        stream.Write(header.AsSpan(changed));
    }

    private static void Write(Stream stream, SafetensorsTensor tensor, FileChecksum? checksum)
    {
        int width = SafetensorsTypes.Width(tensor.Type);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (long done = 0; done < tensor.ByteCount; )
            {
                Span<byte> chunk = buffer.AsSpan(
                    0,
                    (int)Math.Min(ChunkBytes, tensor.ByteCount - done)
                );
                tensor.CopyTo(done / width, chunk);
                ToOrFromLittleEndian(chunk, width);
                checksum?.Append(chunk);
                stream.Write(chunk);
                done += chunk.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Swaps the bytes of each value if this machine is big-endian.</summary>
    internal static void ToOrFromLittleEndian(Span<byte> bytes, int width)
    {
        if (BitConverter.IsLittleEndian || width == 1)
            return;
        switch (width)
        {
            case 2:
                Span<short> shorts = MemoryMarshal.Cast<byte, short>(bytes);
                BinaryPrimitives.ReverseEndianness(shorts, shorts);
                break;
            case 4:
                Span<int> ints = MemoryMarshal.Cast<byte, int>(bytes);
                BinaryPrimitives.ReverseEndianness(ints, ints);
                break;
            default:
                Span<long> longs = MemoryMarshal.Cast<byte, long>(bytes);
                BinaryPrimitives.ReverseEndianness(longs, longs);
                break;
        }
    }

    // The header, with its length before it.
    private static byte[] Header(
        SafetensorsTensor[] given,
        SafetensorsTensor[] laid,
        IReadOnlyDictionary<string, string>? metadata
    )
    {
        var begins = new Dictionary<string, long>();
        long end = 0;
        foreach (SafetensorsTensor tensor in laid)
        {
            RequireUnicode(tensor.Name);
            if (tensor.Name == MetadataName)
                throw new ArgumentException($"No tensor may be called '{MetadataName}'.");
            if (!begins.TryAdd(tensor.Name, end))
                throw new ArgumentException($"There are two tensors '{tensor.Name}'.");
            end += tensor.ByteCount;
        }
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write(stackalloc byte[LengthBytes]);
        using (var writer = new Utf8JsonWriter(buffer, Json))
        {
            writer.WriteStartObject();
            if (metadata is { Count: > 0 })
                WriteMetadata(writer, metadata);
            foreach (SafetensorsTensor tensor in given)
                WriteEntry(writer, tensor, begins[tensor.Name]);
            writer.WriteEndObject();
        }
        int padding = -buffer.WrittenCount & 7;
        buffer.GetSpan(8)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        byte[] bytes = buffer.WrittenSpan.ToArray();
        int length = bytes.Length - LengthBytes;
        if (length > MaxHeader)
        {
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The header takes {length:N0} bytes; the format allows {MaxHeader:N0}."
                )
            );
        }
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)length);
        return bytes;
    }

    private static void WriteMetadata(
        Utf8JsonWriter writer,
        IReadOnlyDictionary<string, string> metadata
    )
    {
        writer.WriteStartObject(MetadataName);
        foreach ((string name, string text) in metadata.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            RequireUnicode(name);
            RequireUnicode(text);
            writer.WriteString(name, text);
        }
        writer.WriteEndObject();
    }

    private static void WriteEntry(Utf8JsonWriter writer, SafetensorsTensor tensor, long begin)
    {
        writer.WriteStartObject(tensor.Name);
        writer.WriteString("dtype", SafetensorsTypes.NameOf(tensor.Type));
        writer.WriteStartArray("shape");
        foreach (long size in tensor.Shape)
            writer.WriteNumberValue(size);
        writer.WriteEndArray();
        writer.WriteStartArray("data_offsets");
        writer.WriteNumberValue(begin);
        writer.WriteNumberValue(begin + tensor.ByteCount);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    // A lone surrogate would be written to JSON as another character without an error.
    private static void RequireUnicode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        _ = StrictUtf8.GetByteCount(text);
    }
}
