using System.Globalization;
using System.Runtime.InteropServices;

namespace Sequor.Layers;

/// <summary>A tensor to be written to a safetensors file. Its values are read only when they are written.</summary>
public sealed class SafetensorsTensor
{
    private readonly Action<long, Span<byte>> _copy;

    private SafetensorsTensor(
        string name,
        SafetensorsType type,
        ReadOnlySpan<long> shape,
        long count,
        Action<long, Span<byte>> copy
    )
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
        Type = type;
        Shape = shape.ToArray();
        _copy = copy;
        if (shape.Length > Safetensors.MaxRank)
            throw new ArgumentException(
                $"A tensor has at most {Safetensors.MaxRank} sizes, not {shape.Length}.",
                nameof(shape)
            );
        Int128 product = 1;
        foreach (long size in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(size, nameof(shape));
            product *= size;
            // The product is already beyond any memory, and still far from the limits of Int128.
            if (product > long.MaxValue)
                break;
        }
        if (product != count)
        {
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{SafetensorsEntry.Describe(type, Shape)} takes {Amount.Of(product, "value")}, not {count}."
                ),
                nameof(shape)
            );
        }
        ByteCount = checked(count * SafetensorsTypes.Width(type));
    }

    /// <summary>The name, which must be unique in its file.</summary>
    public string Name { get; }

    /// <summary>The type of each value.</summary>
    public SafetensorsType Type { get; }

    /// <summary>The sizes, outermost first, row-major; none for a single value.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The size of the values in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>Takes the values of a tensor on a backend, as F32.</summary>
    /// <param name="name">The tensor's name in the file.</param>
    /// <param name="tensor">The tensor, which must not be freed before it is written.</param>
    /// <exception cref="ArgumentException">The tensor is empty.</exception>
    public static SafetensorsTensor Of(string name, Tensor tensor)
    {
        if (tensor.IsEmpty)
            throw new ArgumentException("There is no tensor to write.", nameof(tensor));
        return Of(name, tensor, FileTensor.Sizes(tensor.Shape));
    }

    /// <summary>Takes the values of a tensor and shows each part to a function before it is written.</summary>
    /// <param name="name">The tensor's name in the file.</param>
    /// <param name="tensor">The tensor, which must not be freed before it is written.</param>
    /// <param name="look">Is given the index of a part's first value, and the part.</param>
    internal static SafetensorsTensor Of(
        string name,
        Tensor tensor,
        Action<long, ReadOnlySpan<float>> look
    )
    {
        SafetensorsTensor written = Of(name, tensor);
        return new SafetensorsTensor(
            name,
            written.Type,
            [.. written.Shape],
            tensor.Count,
            (first, bytes) =>
            {
                written.CopyTo(first, bytes);
                look(first, MemoryMarshal.Cast<byte, float>(bytes));
            }
        );
    }

    /// <summary>Takes the values of a tensor, with other sizes for the same number of values.</summary>
    internal static SafetensorsTensor Of(string name, Tensor tensor, IReadOnlyList<long> shape) =>
        new(
            name,
            SafetensorsType.F32,
            [.. shape],
            tensor.Count,
            (first, bytes) =>
            {
                Span<float> values = MemoryMarshal.Cast<byte, float>(bytes);
                var part = new Shape(values.Length);
                new Tensor(tensor.Storage, tensor.Offset + first, part).Read(values);
            }
        );

    /// <summary>Takes F32 values.</summary>
    /// <param name="name">The tensor's name in the file.</param>
    /// <param name="values">The values, row-major.</param>
    /// <param name="shape">The sizes; none for a single value.</param>
    /// <exception cref="ArgumentException">The shape has another number of values.</exception>
    public static SafetensorsTensor Of(
        string name,
        ReadOnlyMemory<float> values,
        params ReadOnlySpan<long> shape
    ) => Of(name, SafetensorsType.F32, values, shape);

    /// <summary>Takes F64 values.</summary>
    /// <inheritdoc cref="Of(string, ReadOnlyMemory{float}, ReadOnlySpan{long})"/>
    public static SafetensorsTensor Of(
        string name,
        ReadOnlyMemory<double> values,
        params ReadOnlySpan<long> shape
    ) => Of(name, SafetensorsType.F64, values, shape);

    /// <summary>Takes I64 values.</summary>
    /// <inheritdoc cref="Of(string, ReadOnlyMemory{float}, ReadOnlySpan{long})"/>
    public static SafetensorsTensor Of(
        string name,
        ReadOnlyMemory<long> values,
        params ReadOnlySpan<long> shape
    ) => Of(name, SafetensorsType.I64, values, shape);

    /// <summary>Takes U8 values.</summary>
    /// <inheritdoc cref="Of(string, ReadOnlyMemory{float}, ReadOnlySpan{long})"/>
    public static SafetensorsTensor Of(
        string name,
        ReadOnlyMemory<byte> values,
        params ReadOnlySpan<long> shape
    ) => Of(name, SafetensorsType.U8, values, shape);

    private static SafetensorsTensor Of<T>(
        string name,
        SafetensorsType type,
        ReadOnlyMemory<T> values,
        ReadOnlySpan<long> shape
    )
        where T : unmanaged =>
        new(
            name,
            type,
            shape,
            values.Length,
            (first, bytes) =>
            {
                Span<T> part = MemoryMarshal.Cast<byte, T>(bytes);
                values.Span.Slice((int)first, part.Length).CopyTo(part);
            }
        );

    /// <summary>Copies values from index <paramref name="first"/> on, in this machine's byte order.</summary>
    internal void CopyTo(long first, Span<byte> bytes) => _copy(first, bytes);
}
