using System.Buffers;
using System.Buffers.Binary;

namespace Sequor.Layers;

// Verifies the checksum that files of Sequor's own formats contain.
public sealed partial class SafetensorsFile
{
    internal bool HasChecksum => Metadata.ContainsKey(FileChecksum.Key);

    /// <summary>Verifies that the header is as it was written.</summary>
    /// <exception cref="SafetensorsException">It is not, or the file contains no checksum.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    internal void VerifyHeader()
    {
        if (!Metadata.TryGetValue(FileChecksum.Key, out string? text))
            throw Damaged("metadata", $"a checksum '{FileChecksum.Key}' expected, but not there");
        byte[] header = new byte[ValuesOffset()];
        ReadExactly(0, header);
        if (FileChecksum.Differs(text, header) is { } difference)
            throw Damaged("checksum", $"{difference}: the file is damaged");
    }

    /// <summary>Verifies that the values are as they were written, once the header has been verified. Reads all of them.</summary>
    /// <exception cref="SafetensorsException">They are not.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    internal void VerifyValues()
    {
        var checksum = new FileChecksum();
        long end = Length();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (long at = ValuesOffset(); at < end; )
            {
                Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(ChunkBytes, end - at));
                ReadExactly(at, chunk);
                checksum.Append(chunk);
                at += chunk.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        if (checksum.Differs(Metadata[FileChecksum.Key]) is { } difference)
            throw Damaged("checksum", $"{difference}: the file is damaged");
    }

    private int ValuesOffset()
    {
        Span<byte> length = stackalloc byte[Safetensors.LengthBytes];
        ReadExactly(0, length);
        return Safetensors.LengthBytes + (int)BinaryPrimitives.ReadUInt64LittleEndian(length);
    }
}
