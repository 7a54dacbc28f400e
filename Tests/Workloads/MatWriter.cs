using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Sequor.Tests.Workloads;

/// <summary>Writes MAT-files of level 5, right ones and wrong ones, in either byte order.</summary>
internal sealed class MatWriter(bool bigEndian = false)
{
    public const int Int8 = 1;
    public const int UInt8 = 2;
    public const int Int32 = 5;
    public const int UInt32 = 6;
    public const int Double = 9;
    public const int Matrix = 14;
    public const int Compressed = 15;

    public const int CellClass = 1;
    public const int CharClass = 4;
    public const int DoubleClass = 6;
    public const int UInt8Class = 9;

    /// <summary>A file of some elements.</summary>
    public byte[] File(params byte[][] elements)
    {
        byte[] header = new byte[128];
        header.AsSpan(0, 116).Fill((byte)' ');
        "MATLAB 5.0 MAT-file"u8.CopyTo(header);
        UInt16(header.AsSpan(124), 0x0100);
        UInt16(header.AsSpan(126), 'M' << 8 | 'I');
        return [.. header, .. elements.SelectMany(bytes => bytes)];
    }

    /// <summary>An element with its tag, filled up to 8 bytes; of at most 4 bytes in the short form, if wanted.</summary>
    public byte[] Element(int type, byte[] data, bool small = true)
    {
        if (small && type < Matrix && data.Length is > 0 and <= 4)
        {
            byte[] whole = new byte[8];
            UInt32At(whole, 0, (uint)(data.Length << 16 | type));
            data.CopyTo(whole, 4);
            return whole;
        }
        int filled = type == Compressed ? data.Length : (data.Length + 7) / 8 * 8;
        byte[] bytes = new byte[8 + filled];
        UInt32At(bytes, 0, (uint)type);
        UInt32At(bytes, 4, (uint)data.Length);
        data.CopyTo(bytes, 8);
        return bytes;
    }

    /// <summary>An array of a class; what follows its name are elements.</summary>
    public byte[] Array(string name, int @class, int[] dimensions, params byte[][] elements) =>
        Element(
            Matrix,
            [
                .. Element(UInt32, [.. Word((uint)@class), .. Word(0)]),
                .. Element(Int32, [.. dimensions.SelectMany(d => Word((uint)d))]),
                .. Element(Int8, Encoding.ASCII.GetBytes(name)),
                .. elements.SelectMany(bytes => bytes),
            ]
        );

    /// <summary>A piano roll [frames, width] of bytes.</summary>
    public byte[] Roll(byte[,] frames) =>
        Array(
            "",
            UInt8Class,
            [frames.GetLength(0), frames.GetLength(1)],
            Element(UInt8, Columns(frames))
        );

    /// <summary>A row of cells.</summary>
    public byte[] Cells(string name, params byte[][] cells) =>
        Array(name, CellClass, [1, cells.Length], cells);

    /// <summary>An element in compressed form.</summary>
    public byte[] Compress(byte[] element) => Element(Compressed, Zip(element));

    public static byte[] Zip(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZLibStream(stream, CompressionLevel.SmallestSize, leaveOpen: true))
            zip.Write(bytes);
        return stream.ToArray();
    }

    /// <summary>Values of 64 bits.</summary>
    public byte[] Doubles(params double[] values)
    {
        byte[] bytes = new byte[8 * values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            Span<byte> place = bytes.AsSpan(8 * i);
            if (bigEndian)
                BinaryPrimitives.WriteDoubleBigEndian(place, values[i]);
            else
                BinaryPrimitives.WriteDoubleLittleEndian(place, values[i]);
        }
        return bytes;
    }

    public byte[] Word(uint value)
    {
        byte[] bytes = new byte[4];
        UInt32At(bytes, 0, value);
        return bytes;
    }

    /// <summary>Writes a number over bytes that are there.</summary>
    public void UInt32At(byte[] bytes, int at, uint value)
    {
        if (bigEndian)
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
    }

    private void UInt16(Span<byte> place, int value)
    {
        if (bigEndian)
            BinaryPrimitives.WriteUInt16BigEndian(place, (ushort)value);
        else
            BinaryPrimitives.WriteUInt16LittleEndian(place, (ushort)value);
    }

    private static byte[] Columns(byte[,] frames)
    {
        (int rows, int columns) = (frames.GetLength(0), frames.GetLength(1));
        byte[] bytes = new byte[rows * columns];
        for (int column = 0; column < columns; column++)
        {
            for (int row = 0; row < rows; row++)
                bytes[(column * rows) + row] = frames[row, column];
        }
        return bytes;
    }
}
