using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>An open safetensors file whose header was found sound. Values are read straight from the file.</summary>
public sealed partial class SafetensorsFile : IDisposable
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

    /// <summary>The file's path as given.</summary>
    public string Path { get; }

    /// <summary>Texts by name; none where the file has no metadata.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors in the header's order.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>A tensor by its name, or null.</summary>
    public SafetensorsEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>A tensor's bytes as they are.</summary>
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

    /// <summary>A tensor's values of any type as floats: wider types are rounded, truth values are 0 and 1.</summary>
    /// <inheritdoc cref="ReadBytes"/>
    public float[] ReadFloats(string name)
    {
        SafetensorsEntry entry = Require(name);
        float[] values = New<float>(entry, entry.Count);
        ReadValues<float>(entry, values);
        return values;
    }

    /// <summary>A tensor's values of any type as doubles: only I64 may be rounded, truth values are 0 and 1.</summary>
    /// <inheritdoc cref="ReadBytes"/>
    public double[] ReadDoubles(string name)
    {
        SafetensorsEntry entry = Require(name);
        double[] values = New<double>(entry, entry.Count);
        ReadValues<double>(entry, values);
        return values;
    }

    /// <summary>A tensor's whole numbers (I64, I32, U8, BOOL), exactly.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="SafetensorsException">
    /// No tensor has this name, or it holds fractions, or it is too large for an array.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public long[] ReadInt64s(string name)
    {
        SafetensorsEntry entry = Require(name);
        if (
            entry.Type
            is not (
                SafetensorsType.I64
                or SafetensorsType.I32
                or SafetensorsType.U8
                or SafetensorsType.Bool
            )
        )
        {
            throw Damaged(
                SafetensorsHeader.Place(name),
                $"whole numbers (I64, I32, U8, BOOL) expected, not {SafetensorsTypes.NameOf(entry.Type)}"
            );
        }
        long[] values = New<long>(entry, entry.Count);
        ReadValues<long>(entry, values);
        return values;
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
        if (length > (ulong)Math.Min(rest, Safetensors.MaxHeader))
        {
            throw Damaged(
                "byte 0",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"a header of at most {Math.Min(rest, Safetensors.MaxHeader)} bytes expected, not of {length}; the file has {file} bytes and the format allows {Safetensors.MaxHeader}"
                )
            );
        }
        byte[] json = new byte[length];
        ReadExactly(Safetensors.LengthBytes, json);
        return SafetensorsHeader.Parse(Path, json, rest - json.Length);
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
        // Straight into place, every bit kept, where the file has the type asked for.
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
                    Convert(entry.Type, bytes, part);
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

    private static void Convert<T>(SafetensorsType type, Span<byte> bytes, Span<T> values)
        where T : INumberBase<T>
    {
        switch (type)
        {
            case SafetensorsType.Bool:
                for (int i = 0; i < values.Length; i++)
                    values[i] = bytes[i] == 0 ? T.Zero : T.One;
                break;
            case SafetensorsType.BF16:
                Span<ushort> upper = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < values.Length; i++)
                    values[i] = T.CreateTruncating(
                        BitConverter.UInt32BitsToSingle((uint)upper[i] << 16)
                    );
                break;
            case SafetensorsType.U8:
                Cast<byte, T>(bytes, values);
                break;
            case SafetensorsType.F16:
                Cast<Half, T>(bytes, values);
                break;
            case SafetensorsType.I32:
                Cast<int, T>(bytes, values);
                break;
            case SafetensorsType.F32:
                Cast<float, T>(bytes, values);
                break;
            case SafetensorsType.I64:
                Cast<long, T>(bytes, values);
                break;
            default:
                Cast<double, T>(bytes, values);
                break;
        }
    }

    private static void Cast<TFrom, TTo>(Span<byte> bytes, Span<TTo> values)
        where TFrom : unmanaged, INumberBase<TFrom>
        where TTo : INumberBase<TTo>
    {
        Span<TFrom> from = MemoryMarshal.Cast<byte, TFrom>(bytes);
        for (int i = 0; i < values.Length; i++)
            values[i] = TTo.CreateTruncating(from[i]);
    }

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
