using System.Numerics;
using System.Runtime.InteropServices;

namespace Sequor.Layers;

/// <summary>Converts the number types of safetensors files to those of .NET.</summary>
internal static class SafetensorsNumbers
{
    private static readonly float[] E4M3 = Table(value => Small(value, 3, 7));
    private static readonly float[] E4M3Fnuz = Table(value => Fnuz(value, 3, 8));
    private static readonly float[] E5M2Fnuz = Table(value => Fnuz(value, 2, 16));

    // The value is an exponent alone; all bits set means NaN.
    private static readonly float[] E8M0 = Table(value =>
        value == 0xFF ? float.NaN : MathF.ScaleB(1, value - 127)
    );

    private static readonly float[] E5M2 = Table(value =>
        (float)BitConverter.UInt16BitsToHalf((ushort)(value << 8))
    );

    /// <summary>Converts values, rounding to the nearest where the target type is narrower.</summary>
    /// <param name="type">The type of the values in the file, which must be one of numbers.</param>
    /// <param name="bytes">The values in this machine's byte order. They may be overwritten.</param>
    /// <param name="values">As many values as there are in the bytes.</param>
    public static void Convert<T>(SafetensorsType type, Span<byte> bytes, Span<T> values)
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
            case SafetensorsType.I8:
                Cast<sbyte, T>(bytes, values);
                break;
            case SafetensorsType.U16:
                Cast<ushort, T>(bytes, values);
                break;
            case SafetensorsType.I16:
                Cast<short, T>(bytes, values);
                break;
            case SafetensorsType.F16:
                Cast<Half, T>(bytes, values);
                break;
            case SafetensorsType.U32:
                Cast<uint, T>(bytes, values);
                break;
            case SafetensorsType.I32:
                Cast<int, T>(bytes, values);
                break;
            case SafetensorsType.F32:
                Cast<float, T>(bytes, values);
                break;
            case SafetensorsType.U64 when typeof(T) != typeof(long):
                Round(MemoryMarshal.Cast<byte, ulong>(bytes), values);
                break;
            case SafetensorsType.U64:
                Cast<ulong, T>(bytes, values);
                break;
            case SafetensorsType.I64:
                Cast<long, T>(bytes, values);
                break;
            case SafetensorsType.F64:
                Cast<double, T>(bytes, values);
                break;
            case SafetensorsType.F8E5M2:
                Look(E5M2, bytes, values);
                break;
            case SafetensorsType.F8E4M3:
                Look(E4M3, bytes, values);
                break;
            case SafetensorsType.F8E8M0:
                Look(E8M0, bytes, values);
                break;
            case SafetensorsType.F8E4M3Fnuz:
                Look(E4M3Fnuz, bytes, values);
                break;
            case SafetensorsType.F8E5M2Fnuz:
                Look(E5M2Fnuz, bytes, values);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "No type of numbers.");
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

    // Converting unsigned numbers above 2^63 to float rounds twice on some processors. Half of such a number, with its last bit kept,
    // rounds once and to the same value.
    private static void Round<T>(Span<ulong> from, Span<T> values)
        where T : INumberBase<T>
    {
        for (int i = 0; i < values.Length; i++)
        {
            ulong value = from[i];
            if (value <= long.MaxValue)
            {
                values[i] = T.CreateTruncating((long)value);
                continue;
            }
            var half = T.CreateTruncating((long)(value >> 1 | value & 1));
            values[i] = half + half;
        }
    }

    private static void Look<T>(float[] table, Span<byte> bytes, Span<T> values)
        where T : INumberBase<T>
    {
        for (int i = 0; i < values.Length; i++)
            values[i] = T.CreateTruncating(table[bytes[i]]);
    }

    private static float[] Table(Func<int, float> value) =>
        [.. Enumerable.Range(0, 256).Select(value)];

    // All bits but the sign set means NaN; there are no infinities.
    private static float Small(int bits, int fraction, int bias) =>
        (bits & 0x7F) == 0x7F ? float.NaN : Value(bits, fraction, bias);

    // Negative zero means NaN.
    private static float Fnuz(int bits, int fraction, int bias) =>
        bits == 0x80 ? float.NaN : Value(bits, fraction, bias);

    private static float Value(int bits, int fraction, int bias)
    {
        int exponent = (bits & 0x7F) >> fraction;
        int digits = bits & ((1 << fraction) - 1);
        // Subnormal numbers have no leading 1.
        float value =
            exponent == 0
                ? MathF.ScaleB(digits, 1 - bias - fraction)
                : MathF.ScaleB(digits + (1 << fraction), exponent - bias - fraction);
        return bits >= 0x80 ? -value : value;
    }
}
