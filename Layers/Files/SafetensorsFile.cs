using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>An open safetensors file whose header has been checked. Values are read directly from the file.</summary>
public sealed partial class SafetensorsFile : IWeightSource
{
    private const int ChunkBytes = 1 << 20;

    private readonly SafeFileHandle _handle;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    internal SafetensorsFile(string path)
    {
        Path = path;
        _handle = OpenFile(path);
        try
        {
            SafetensorsHeader header = ReadHeader();
            Metadata = header.Metadata;
            Entries = header.Entries;
            _byName = header.Entries.ToDictionary(entry => entry.Name);
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>The file's path as it was given.</summary>
    public string Path { get; }

    /// <summary>The texts in the header, by name; empty where the file has no metadata.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors in the header's order.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>Finds a tensor by its name; null where there is none.</summary>
    public SafetensorsEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Reads a tensor's bytes as they are in the file.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="SafetensorsException">No tensor has this name, or it is too large for an array.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public byte[] ReadBytes(string name)
    {
        SafetensorsEntry entry = Require(name);
        byte[] bytes = New<byte>(entry, entry.ByteCount);
        ReadExactly(entry.Offset, bytes);
        return bytes;
    }

    /// <summary>
    /// Reads a tensor's numbers as floats. F64 and integers of 32 and 64 bits are rounded to the nearest float; all other types are exact,
    /// and booleans are 0 and 1.
    /// </summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="SafetensorsException">
    /// No tensor has this name; its type is not a real number (C64) or cannot be read (F4, F6 and types unknown here); or it is too large
    /// for an array.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public float[] ReadFloats(string name)
    {
        SafetensorsEntry entry = RequireNumbers(name);
        float[] values = New<float>(entry, entry.Count);
        ReadValues<float>(entry, values);
        return values;
    }

    /// <summary>Reads a tensor's numbers as doubles. Only I64 and U64 may be rounded; booleans are 0 and 1.</summary>
    /// <inheritdoc cref="ReadFloats"/>
    public double[] ReadDoubles(string name)
    {
        SafetensorsEntry entry = RequireNumbers(name);
        double[] values = New<double>(entry, entry.Count);
        ReadValues<double>(entry, values);
        return values;
    }

    /// <summary>Reads a tensor's whole numbers (I64 to I8, U64 to U8, BOOL), exactly.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="SafetensorsException">
    /// No tensor has this name, its type is not one of whole numbers, a number is 2^63 or above, or it is too large for an array.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public long[] ReadInt64s(string name)
    {
        SafetensorsEntry entry = Require(name);
        if (!SafetensorsTypes.IsWhole(entry.Type))
        {
            throw Damaged(
                SafetensorsHeader.Place(name),
                $"whole numbers (I64, I32, I16, I8, U64, U32, U16, U8, BOOL) expected, not {entry.TypeName}"
            );
        }
        long[] values = New<long>(entry, entry.Count);
        ReadValues<long>(entry, values);
        int beyond =
            entry.Type == SafetensorsType.U64 ? Array.FindIndex(values, value => value < 0) : -1;
        return beyond < 0
            ? values
            : throw Damaged(
                SafetensorsHeader.Place(name),
                $"numbers below 2^63 expected, but value {beyond} is {(ulong)values[beyond]}"
            );
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    private static SafeFileHandle OpenFile(string path)
    {
        if (Directory.Exists(path))
            throw new IOException($"Cannot read '{path}': it is a folder.");
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"Cannot read '{path}': {e.Message}", e);
        }
    }

    private SafetensorsHeader ReadHeader()
    {
        long file = Length();
        if (file < Safetensors.LengthBytes)
        {
            throw Damaged(
                "byte 0",
                $"the header's length in {Safetensors.LengthBytes} bytes expected, but the file has {file}"
            );
        }
        Span<byte> prefix = stackalloc byte[Safetensors.LengthBytes];
        ReadExactly(0, prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        long rest = file - Safetensors.LengthBytes;
        bool fits = length <= (ulong)Math.Min(rest, Safetensors.MaxHeader);
        if (!fits || !BeginsHeader())
            RequireNoOtherFormat(file);
        if (!fits)
        {
            throw Damaged(
                "byte 0",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"a header of at most {Amount.Of(Math.Min(rest, Safetensors.MaxHeader), "byte")} expected, not of {length}; the file has {Amount.Of(file, "byte")} and the format allows {Safetensors.MaxHeader}"
                )
            );
        }
        byte[] json = new byte[length];
        ReadExactly(Safetensors.LengthBytes, json);
        return SafetensorsHeader.Parse(Path, json, rest - json.Length);
    }

    private bool BeginsHeader()
    {
        Span<byte> first = stackalloc byte[1];
        return RandomAccess.Read(_handle, first, Safetensors.LengthBytes) == 1 && first[0] == '{';
    }

    // A valid safetensors file may begin with any bytes, so this is called only for a file that is not one.
    private void RequireNoOtherFormat(long length)
    {
        byte[] begin = new byte[Math.Min(length, ForeignFormat.Bytes)];
        ReadExactly(0, begin);
        if (ForeignFormat.Describe(begin, Path) is { } other)
            throw new SafetensorsException($"'{Path}' is no safetensors file but {other}");
    }

    private long Length()
    {
        try
        {
            return RandomAccess.GetLength(_handle);
        }
        catch (NotSupportedException e)
        {
            throw new IOException($"Cannot read '{Path}': it is no ordinary file.", e);
        }
    }

    private SafetensorsEntry Require(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Find(name)
            ?? throw Damaged(SafetensorsHeader.Place(name), "expected, but not there");
    }

    private SafetensorsEntry RequireNumbers(string name)
    {
        SafetensorsEntry entry = Require(name);
        return SafetensorsTypes.IsNumber(entry.Type)
            ? entry
            : throw Damaged(
                SafetensorsHeader.Place(name),
                $"numbers expected, but its type {entry.TypeName} can be read as bytes only"
            );
    }

    private T[] New<T>(SafetensorsEntry entry, long count) =>
        count <= Array.MaxLength
            ? new T[count]
            : throw Damaged(
                SafetensorsHeader.Place(entry.Name),
                $"at most {Array.MaxLength} values expected, not {count}"
            );

    private void ReadValues<T>(SafetensorsEntry entry, Span<T> values)
        where T : unmanaged, INumberBase<T>
    {
        int width = SafetensorsTypes.Width(entry.Type);
        int step = ChunkBytes / width;
        // Where the file has the type asked for, the bytes are read directly into place, so every bit is kept.
        bool same = entry.Type == TypeOf<T>();
        byte[] buffer = same ? [] : ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (int done = 0; done < values.Length; )
            {
                Span<T> part = values.Slice(done, Math.Min(step, values.Length - done));
                Span<byte> bytes = same
                    ? MemoryMarshal.AsBytes(part)
                    : buffer.AsSpan(0, part.Length * width);
                ReadExactly(entry.Offset + (long)done * width, bytes);
                Safetensors.ToOrFromLittleEndian(bytes, width);
                if (!same)
                    SafetensorsNumbers.Convert(entry.Type, bytes, part);
                done += part.Length;
            }
        }
        finally
        {
            if (!same)
                ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static SafetensorsType TypeOf<T>() =>
        typeof(T) == typeof(float) ? SafetensorsType.F32
        : typeof(T) == typeof(double) ? SafetensorsType.F64
        : SafetensorsType.I64;

    private void ReadExactly(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count = RandomAccess.Read(_handle, destination, offset);
            if (count == 0)
                throw Damaged(
                    $"byte {offset}",
                    $"{destination.Length} more bytes expected, but the file was cut off since it was opened"
                );
            destination = destination[count..];
            offset += count;
        }
    }

    private SafetensorsException Damaged(string place, string problem) =>
        SafetensorsHeader.Damaged(Path, place, problem);
}
