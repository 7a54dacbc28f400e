using System.Buffers.Binary;
using System.IO.Compression;
using Sequor.Layers;

namespace Sequor.Workloads;

#pragma warning disable CA1720 // These are the format's types.
/// <summary>The types of an IDX file's values; the numbers are the format's.</summary>
public enum IdxType
{
    /// <summary>Bytes.</summary>
    UInt8 = 0x08,

    /// <summary>Signed bytes.</summary>
    Int8 = 0x09,

    /// <summary>Signed integers of 16 bits.</summary>
    Int16 = 0x0B,

    /// <summary>Signed integers of 32 bits.</summary>
    Int32 = 0x0C,

    /// <summary>Floats of 32 bits.</summary>
    Single = 0x0D,

    /// <summary>Floats of 64 bits.</summary>
    Double = 0x0E,
}
#pragma warning restore CA1720

/// <summary>An array of an IDX file, the format of MNIST: numbers of one type, row-major, compressed by gzip or not.</summary>
/// <remarks>
/// Source: The MNIST database of handwritten digits, LeCun, Cortes and Burges, "File formats". All numbers are big-endian. What the
/// header says is held against the bytes that are there before anything is allocated for it.
/// </remarks>
public sealed class IdxFile
{
    /// <summary>The most bytes of values that are read.</summary>
    public const int LargestBytes = 1 << 30;

    private const int MostDimensions = 32;

    private static readonly byte[] Gzip = [0x1F, 0x8B];

    private readonly byte[] _bytes;

    private IdxFile(string path, IdxType type, int[] dimensions, byte[] bytes)
    {
        Path = path;
        Type = type;
        Dimensions = dimensions;
        _bytes = bytes;
        Count = bytes.Length / Width(type);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What its values are.</summary>
    public IdxType Type { get; }

    /// <summary>The sizes, at least one, first the one that changes slowest.</summary>
    public IReadOnlyList<int> Dimensions { get; }

    /// <summary>The number of values.</summary>
    public int Count { get; }

    /// <summary>The values of a file of bytes, row-major.</summary>
    /// <exception cref="InvalidOperationException">The values are of another type.</exception>
    public ReadOnlyMemory<byte> Bytes =>
        Type == IdxType.UInt8
            ? _bytes
            : throw new InvalidOperationException($"The values of '{Path}' are {Type}, not UInt8.");

    /// <summary>The value of a place, row-major.</summary>
    public double this[int index]
    {
        get
        {
            int width = Width(Type);
            ReadOnlySpan<byte> b = _bytes.AsSpan(index * width, width);
            return Type switch
            {
                IdxType.UInt8 => b[0],
                IdxType.Int8 => (sbyte)b[0],
                IdxType.Int16 => BinaryPrimitives.ReadInt16BigEndian(b),
                IdxType.Int32 => BinaryPrimitives.ReadInt32BigEndian(b),
                IdxType.Single => BinaryPrimitives.ReadSingleBigEndian(b),
                _ => BinaryPrimitives.ReadDoubleBigEndian(b),
            };
        }
    }

    /// <summary>The type and the sizes, as "UInt8 [60000, 28, 28]".</summary>
    public override string ToString() => $"{Type} [{string.Join(", ", Dimensions)}]";

    /// <summary>Reads a file whole.</summary>
    /// <param name="path">The file, compressed by gzip or not, which its first bytes tell.</param>
    /// <exception cref="TaskDataException">It is damaged, or no IDX file, or too large.</exception>
    /// <exception cref="IOException">It is not there or cannot be read.</exception>
    public static IdxFile Read(string path) =>
        Parse(WholeFile.Read(path, LargestBytes, message => new TaskDataException(message)), path);

    /// <summary>Reads what a file holds.</summary>
    /// <param name="bytes">All of the file.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="TaskDataException">It is damaged, or no IDX file, or too large.</exception>
    public static IdxFile Parse(byte[] bytes, string path)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(path);
        if (bytes.Length == 0)
            throw new TaskDataException($"'{path}' is empty; an IDX file begins with 4 bytes.");
        using var file = new MemoryStream(bytes, writable: false);
        if (!bytes.AsSpan().StartsWith(Gzip))
            return Parse(file, path, bytes.Length);
        try
        {
            using var unpacked = new GZipStream(file, CompressionMode.Decompress);
            IdxFile read = Parse(unpacked, path, null);
            RequireChecksum(bytes, read._bytes.Length + 4 + (4 * read.Dimensions.Count), path);
            return read;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            // Of a wrong check sum the runtime says that the way of compressing is unknown.
            throw new TaskDataException(
                $"'{path}' is compressed by gzip, and damaged: its bytes cannot be unpacked, or do not fit the check sum at its end.",
                e
            );
        }
    }

    private static IdxFile Parse(Stream stream, string path, int? length)
    {
        Span<byte> header = stackalloc byte[4];
        Fill(stream, header, path, "its first 4 bytes");
        if (header[0] != 0 || header[1] != 0)
            throw new TaskDataException(
                $"'{path}' is no IDX file: its first two bytes must be 00 00, not {header[0]:X2} {header[1]:X2}."
            );
        var type = (IdxType)header[2];
        if (!Enum.IsDefined(type))
            throw new TaskDataException(
                $"'{path}', byte 2: the type of the values must be one of {string.Join(", ", Enum.GetValues<IdxType>().Select(t => $"{(int)t:X2} ({t})"))}, not {header[2]:X2}."
            );
        int rank = header[3];
        if (rank is < 1 or > MostDimensions)
            throw new TaskDataException(
                $"'{path}', byte 3: the number of dimensions must be 1 to {MostDimensions}, not {rank}."
            );
        int[] dimensions = new int[rank];
        long count = 1;
        Span<byte> size = stackalloc byte[4];
        for (int i = 0; i < rank; i++)
        {
            Fill(stream, size, path, "the sizes of its dimensions");
            dimensions[i] = BinaryPrimitives.ReadInt32BigEndian(size);
            if (dimensions[i] < 1)
                throw new TaskDataException(
                    $"'{path}', byte {4 + (4 * i)}: a size must be at least 1, not {dimensions[i]}."
                );
            count *= dimensions[i];
            if (count * Width(type) > LargestBytes)
                throw new TaskDataException(
                    $"'{path}' says that it has the sizes [{string.Join(", ", dimensions[..(i + 1)])}, ...], which are more than the {LargestBytes} bytes that are read."
                );
        }
        long bytes = count * Width(type);
        long? there = length - 4 - (4L * rank);
        if (there is { } given && given != bytes)
            throw Unlike(path, type, dimensions, bytes, given);
        return new IdxFile(path, type, dimensions, Values(stream, path, type, dimensions, bytes));
    }

    // Room grows with what really comes, up to what the header says.
    private static byte[] Values(
        Stream stream,
        string path,
        IdxType type,
        int[] dimensions,
        long bytes
    )
    {
        byte[] values = new byte[Math.Min(bytes, 1 << 16)];
        int filled = 0;
        while (true)
        {
            int read = stream.Read(values.AsSpan(filled));
            filled += read;
            if (filled == bytes)
                break;
            if (read == 0)
                throw Unlike(path, type, dimensions, bytes, filled);
            if (filled == values.Length)
                Array.Resize(ref values, (int)Math.Min(bytes, 2L * values.Length));
        }
        if (stream.ReadByte() >= 0)
            throw new TaskDataException(
                $"'{path}' has more than the {Amount.Of(bytes, "byte")} of values that its header says."
            );
        return values;
    }

    // The stream does not say whether the check sum at its end was there.
    private static void RequireChecksum(byte[] file, int unpacked, string path)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(file.Length - 4)) != unpacked)
            throw new TaskDataException(
                $"'{path}' is compressed by gzip, and damaged: its end is missing, or something follows it."
            );
    }

    private static TaskDataException Unlike(
        string path,
        IdxType type,
        int[] dimensions,
        long bytes,
        long there
    ) =>
        new(
            $"'{path}' must have {Amount.Of(bytes, "byte")} of values after its header, for {type} [{string.Join(", ", dimensions)}]; it has {there}."
        );

    private static void Fill(Stream stream, Span<byte> place, string path, string what)
    {
        if (stream.ReadAtLeast(place, place.Length, throwOnEndOfStream: false) < place.Length)
            throw new TaskDataException($"'{path}' ends before {what}.");
    }

    private static int Width(IdxType type) =>
        type switch
        {
            IdxType.UInt8 or IdxType.Int8 => 1,
            IdxType.Int16 => 2,
            IdxType.Double => 8,
            _ => 4,
        };
}
