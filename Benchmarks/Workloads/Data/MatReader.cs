using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Parses the bytes of a MAT-file, or those that one of its compressed variables unpacks to.</summary>
internal sealed class MatReader
{
    private const int HeaderBytes = 128;
    private const int VersionAt = 124;
    private const int TagBytes = 8;
    private const int MostDimensions = 32;

    // Deeper than anyone nests cells, and far from the stack's end.
    private const int DeepestCell = 32;

    private const int ComplexFlag = 0x0800;

    private readonly string _path;
    private readonly byte[] _bytes;
    private readonly bool _bigEndian;

    // Where the compressed element began that the bytes were unpacked from.
    private readonly int? _unpackedFrom;

    private MatReader(string path, byte[] bytes, bool bigEndian, int? unpackedFrom)
    {
        _path = path;
        _bytes = bytes;
        _bigEndian = bigEndian;
        _unpackedFrom = unpackedFrom;
    }

    /// <summary>A data element: where its tag and its data begin, and where the next one does.</summary>
    private readonly record struct Element(MatType Type, int At, int Data, int Length, int Next)
    {
        public int End => Data + Length;
    }

    public static Dictionary<string, MatArray> Read(byte[] bytes, string path)
    {
        if (bytes.Length == 0)
            throw new MatFileException($"'{path}' is empty; a MAT-file begins with 128 bytes.");
        if (bytes.Length < HeaderBytes)
            throw new MatFileException(
                $"'{path}' has {Amount.Of(bytes.Length, "byte")}; a MAT-file's header has {HeaderBytes}."
            );
        var reader = new MatReader(path, bytes, IsBigEndian(bytes, path), null);
        var variables = new Dictionary<string, MatArray>();
        int left = MatFile.LargestBytes;
        for (int at = HeaderBytes; at < bytes.Length; )
        {
            Element element = reader.ReadElement(at, bytes.Length);
            MatArray variable;
            if (element.Type == MatType.Compressed)
            {
                byte[] unpacked = reader.Unpack(element, left);
                left -= unpacked.Length;
                var inner = new MatReader(path, unpacked, reader._bigEndian, at);
                variable = inner.ReadOnly();
            }
            else
            {
                variable = reader.ReadMatrix(element, "", 0);
            }
            // The nameless one is MATLAB's own.
            if (variable.Name.Length > 0 && !variables.TryAdd(variable.Name, variable))
                throw reader.Error(at, $"a second variable '{Printable.Shortened(variable.Name)}'");
            at = element.Next;
        }
        if (variables.Count == 0)
            throw new MatFileException($"'{path}' holds no variables.");
        return variables;
    }

    private static bool IsBigEndian(byte[] bytes, string path)
    {
        (byte first, byte second) = (bytes[VersionAt + 2], bytes[VersionAt + 3]);
        // The number 'MI', as the writing machine had it.
        bool big = (first, second) == ('M', 'I');
        if (!big && (first, second) != ('I', 'M'))
            throw new MatFileException(
                $"'{path}', byte {VersionAt + 2}: expected the mark of a level-5 MAT-file, 'IM' or 'MI', not "
                    + $"{first:X2} {second:X2}."
            );
        ReadOnlySpan<byte> number = bytes.AsSpan(VersionAt, 2);
        int version = big
            ? BinaryPrimitives.ReadUInt16BigEndian(number)
            : BinaryPrimitives.ReadUInt16LittleEndian(number);
        if (version == 0x0200)
            throw new MatFileException(
                $"'{path}' is a MAT-file of version 7.3, which is HDF5; expected level 5: save it with -v7."
            );
        return version == 0x0100
            ? big
            : throw new MatFileException(
                $"'{path}', byte {VersionAt}: expected version 0100 of the format, not {version:X4}."
            );
    }

    // What a compressed element unpacks to is one matrix.
    private MatArray ReadOnly()
    {
        Element element = ReadElement(0, _bytes.Length);
        if (element.Next != _bytes.Length)
            throw Error(element.Next, "expected the end of the variable's data");
        return ReadMatrix(element, "", 0);
    }

    private byte[] Unpack(in Element element, int most)
    {
        using var packed = new MemoryStream(_bytes, element.Data, element.Length, writable: false);
        byte[] unpacked;
        try
        {
            using var stream = new ZLibStream(packed, CompressionMode.Decompress, leaveOpen: true);
            unpacked = Unpack(stream, element, most);
            // The end is to be seen, since the check sum stands there.
            if (stream.ReadByte() >= 0)
                throw Error(
                    element.At,
                    $"the compressed variable unpacks to more than the {unpacked.Length} bytes that it says"
                );
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            // Of a wrong check sum the runtime says that the way of compressing is unknown.
            throw new MatFileException(
                Message(
                    element.At,
                    "the compressed data are damaged: they cannot be unpacked, or do not fit the check sum at their end"
                ),
                e
            );
        }
        // The stream reads ahead and does not say where it ended; but its last bytes are the check sum.
        if (
            BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(element.End - 4))
            != Adler32(unpacked)
        )
            throw Error(element.At, "the compressed data end before their element does");
        return unpacked;
    }

    // Room grows with what really comes, up to what the first tag says.
    private byte[] Unpack(ZLibStream stream, in Element element, int most)
    {
        byte[] bytes = new byte[TagBytes];
        int count = stream.ReadAtLeast(bytes, TagBytes, throwOnEndOfStream: false);
        if (count < TagBytes)
            throw Error(
                element.At,
                $"expected an array in the compressed variable, but it unpacks to {Amount.Of(count, "byte")}"
            );
        var inner = new MatReader(_path, bytes, _bigEndian, element.At);
        long length = inner.UInt32(0) >> 16 != 0 ? 0 : ((inner.UInt32(4) + 7L) / 8 * 8);
        length += TagBytes;
        if (length > most)
            throw Error(
                element.At,
                $"compressed variables that unpack to more than {MatFile.LargestBytes} bytes are not read"
            );
        while (count < length)
        {
            if (count == bytes.Length)
                Array.Resize(ref bytes, (int)Math.Min(length, Math.Max(2L * count, 1 << 12)));
            int read = stream.Read(bytes, count, bytes.Length - count);
            if (read == 0)
                throw Error(
                    element.At,
                    $"the compressed variable says that it unpacks to {Amount.Of(length, "byte")}, but there are {count}"
                );
            count += read;
        }
        return bytes;
    }

    private static uint Adler32(ReadOnlySpan<byte> bytes)
    {
        const uint modulus = 65521;
        // So many additions fit in 32 bits.
        const int most = 5552;
        uint a = 1;
        uint b = 0;
        while (bytes.Length > 0)
        {
            int count = Math.Min(most, bytes.Length);
            foreach (byte value in bytes[..count])
            {
                a += value;
                b += a;
            }
            a %= modulus;
            b %= modulus;
            bytes = bytes[count..];
        }
        return b << 16 | a;
    }

    private Element ReadElement(int at, int end)
    {
        if (end - at < TagBytes)
            throw Error(
                at,
                $"expected an element's tag of {Amount.Of(TagBytes, "byte")}, but {end - at} are left"
            );
        uint word = UInt32(at);
        if (word >> 16 != 0)
        {
            var small = new Element(
                (MatType)(word & 0xFFFF),
                at,
                at + 4,
                (int)(word >> 16),
                at + TagBytes
            );
            if (small.Length > 4)
                throw Error(at, $"a small element has at most 4 bytes, not {small.Length}");
            return Known(small);
        }
        uint length = UInt32(at + 4);
        int data = at + TagBytes;
        if (length > end - data)
            throw Error(
                at,
                $"an element of {Amount.Of(length, "byte")}, but {end - data} are left"
            );
        var type = (MatType)word;
        // All but compressed elements fill up to 8 bytes.
        long next =
            type == MatType.Compressed ? data + length : data + (((long)length + 7) / 8 * 8);
        if (next > end)
            throw Error(
                at,
                $"an element of {Amount.Of(length, "byte")} fills up to {next - data}, but {end - data} are left"
            );
        return Known(new Element(type, at, data, (int)length, (int)next));
    }

    private Element Known(in Element element) =>
        element.Type is MatType.Matrix or MatType.Compressed or MatType.Utf8
        || MatTypes.Width(element.Type) > 0
            ? element
            : throw Error(element.At, $"no type of data has the number {(int)element.Type}");

    private MatArray ReadMatrix(in Element matrix, string parent, int depth)
    {
        if (matrix.Type != MatType.Matrix)
            throw Error(
                matrix.At,
                $"expected an array (type 14){In(parent)}, not type {(int)matrix.Type}"
            );
        // An empty cell may be stored as nothing at all.
        if (matrix.Length == 0 && depth > 0)
            return new MatNumbers(
                "",
                MatClass.Double,
                [0, 0],
                MatType.Double,
                default,
                false,
                false
            );
        Element flags = Expect(matrix.Data, matrix.End, "array flags", parent, MatType.UInt32);
        if (flags.Length != 8)
            throw Error(
                flags.At,
                $"expected 8 bytes of array flags{In(parent)}, not {flags.Length}"
            );
        uint word = UInt32(flags.Data);
        var @class = (MatClass)(word & 0xFF);
        if (!Enum.IsDefined(@class))
            throw Error(flags.Data, $"no class of arrays has the number {word & 0xFF}{In(parent)}");
        int at = flags.Next;
        int[] dimensions = [];
        // Opaque ones have none.
        if (@class != MatClass.Opaque)
            dimensions = ReadDimensions(matrix.End, parent, ref at);
        Element nameElement = Expect(
            at,
            matrix.End,
            "a name",
            parent,
            MatType.Int8,
            MatType.UInt8,
            MatType.Utf8
        );
        string name = Encoding.UTF8.GetString(_bytes, nameElement.Data, nameElement.Length);
        string path = parent.Length == 0 ? name : parent;
        at = nameElement.Next;
        if (@class == MatClass.Cell)
            return ReadCells(matrix, name, path, dimensions, at, depth);
        return @class is >= MatClass.Double and <= MatClass.UInt64
            ? ReadNumbers(matrix, name, path, @class, dimensions, at, (word & ComplexFlag) != 0)
            : new MatArray(name, @class, dimensions);
    }

    private int[] ReadDimensions(int end, string parent, ref int at)
    {
        Element element = Expect(at, end, "dimensions", parent, MatType.Int32);
        if (element.Length % 4 != 0 || element.Length is < 8 or > 4 * MostDimensions)
            throw Error(
                element.At,
                $"expected 2 to {MostDimensions} dimensions of 4 bytes{In(parent)}, not {element.Length} bytes"
            );
        int[] dimensions = new int[element.Length / 4];
        long product = 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            dimensions[i] = (int)UInt32(element.Data + (4 * i));
            if (dimensions[i] < 0)
                throw Error(element.Data + (4 * i), $"a dimension of {dimensions[i]}{In(parent)}");
            product *= dimensions[i];
            if (product > int.MaxValue)
                throw Error(
                    element.At,
                    $"dimensions of more values than the file can hold{In(parent)}"
                );
        }
        at = element.Next;
        return dimensions;
    }

    private MatCells ReadCells(
        in Element matrix,
        string name,
        string path,
        int[] dimensions,
        int at,
        int depth
    )
    {
        if (depth == DeepestCell)
            throw Error(matrix.At, $"cells in cells, more than {DeepestCell} deep{In(path)}");
        int count = dimensions.Aggregate(1, (product, size) => product * size);
        if (count > (matrix.End - at) / TagBytes)
            throw Error(
                at,
                $"{Amount.Of(count, "cell")}{In(path)}, which take at least {Amount.Of(TagBytes, "byte")} each, but {matrix.End - at} are left"
            );
        var cells = new MatArray[count];
        for (int i = 0; i < count; i++)
        {
            Element cell = ReadElement(at, matrix.End);
            cells[i] = ReadMatrix(cell, $"{path}{{{i + 1}}}", depth + 1);
            at = cell.Next;
        }
        RequireEnd(at, matrix, path);
        return new MatCells(name, dimensions, cells);
    }

    private MatNumbers ReadNumbers(
        in Element matrix,
        string name,
        string path,
        MatClass @class,
        int[] dimensions,
        int at,
        bool complex
    )
    {
        int count = dimensions.Aggregate(1, (product, size) => product * size);
        Element values = ReadValues(matrix.End, path, @class, count, at);
        at = values.Next;
        if (complex)
            at = ReadValues(matrix.End, path, @class, count, at).Next;
        RequireEnd(at, matrix, path);
        return new MatNumbers(
            name,
            @class,
            dimensions,
            values.Type,
            _bytes.AsMemory(values.Data, values.Length),
            _bigEndian,
            complex
        );
    }

    private Element ReadValues(int end, string path, MatClass @class, int count, int at)
    {
        Element values = ReadElement(at, end);
        if (!MatTypes.Stores(values.Type, @class))
            throw Error(
                at,
                $"expected numbers that fit the class {Lower(@class)}{In(path)}, not type {(int)values.Type}"
            );
        long expected = (long)count * MatTypes.Width(values.Type);
        return values.Length == expected
            ? values
            : throw Error(
                at,
                $"{Amount.Of(count, "value")} of {Amount.Of(MatTypes.Width(values.Type), "byte")}{In(path)} take {Amount.Of(expected, "byte")}, not {values.Length}"
            );
    }

    private Element Expect(
        int at,
        int end,
        string what,
        string parent,
        params ReadOnlySpan<MatType> types
    )
    {
        Element element = ReadElement(at, end);
        return types.Contains(element.Type)
            ? element
            : throw Error(
                at,
                $"expected {what} (type {(int)types[0]}){In(parent)}, not type {(int)element.Type}"
            );
    }

    private void RequireEnd(int at, in Element matrix, string path)
    {
        if (at != matrix.End)
            throw Error(
                at,
                $"expected the end of the array{In(path)}; {Amount.Of(matrix.End - at, "byte")} are left"
            );
    }

    private uint UInt32(int at)
    {
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(at, 4);
        return _bigEndian
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private static string Lower(MatClass @class) => @class.ToString().ToLowerInvariant();

    private static string In(string path) =>
        path.Length == 0 ? "" : $" in '{Printable.Shortened(path)}'";

    private MatFileException Error(int at, string what) => new(Message(at, what));

    private string Message(int at, string what) =>
        _unpackedFrom is { } from
            ? $"'{_path}', byte {at} of what the compressed variable at byte {from} unpacks to: {what}."
            : $"'{_path}', byte {at}: {what}.";
}
