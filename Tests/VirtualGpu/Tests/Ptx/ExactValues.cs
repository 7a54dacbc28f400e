namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>Operands: limits and specials of their types, and many others, the same every time.</summary>
internal static class ExactValues
{
    private static readonly ulong[] s_single =
    [
        .. (uint[])
            [
                0x0000_0000, // 0 and what is next to it
                0x0000_0001,
                0x0000_0002,
                0x007F_FFFF,
                0x0080_0000,
                0x0080_0001,
                0x3380_0000, // 2^-24
                0x3EFF_FFFF,
                0x3F00_0000, // 0.5
                0x3F00_0001,
                0x3F7F_FFFF,
                0x3F80_0000, // 1
                0x3F80_0001,
                0x3FC0_0000, // 1.5
                0x4020_0000, // 2.5
                0x4040_0000, // 3
                0x4B00_0000, // 2^23
                0x4B00_0001,
                0x4B80_0001,
                0x4EFF_FFFF,
                0x4F00_0000, // 2^31
                0x4F7F_FFFF,
                0x4F80_0000, // 2^32
                0x5EFF_FFFF,
                0x5F00_0000, // 2^63
                0x5F80_0000, // 2^64
                0x7F7F_FFFF,
                0x7F80_0000, // infinity
                0x7F80_0001, // NaN
                0x7FFF_FFFF,
            ],
    ];

    private static readonly ulong[] s_double =
    [
        0x0000_0000_0000_0000,
        0x0000_0000_0000_0001,
        0x000F_FFFF_FFFF_FFFF,
        0x0010_0000_0000_0000,
        0x36A0_0000_0000_0000, // the least f32
        0x3690_0000_0000_0000, // half of it
        0x3690_0000_0000_0001,
        0x380F_FFFF_E000_0000,
        0x380F_FFFF_F000_0000,
        0x3FDF_FFFF_FFFF_FFFF,
        0x3FE0_0000_0000_0000, // 0.5
        0x3FEF_FFFF_FFFF_FFFF,
        0x3FF0_0000_0000_0000, // 1
        0x3FF0_0000_1000_0000, // between two f32
        0x3FF0_0000_3000_0000,
        0x3FF0_0000_0000_0001,
        0x3FF8_0000_0000_0000, // 1.5
        0x4004_0000_0000_0000, // 2.5
        0x41DF_FFFF_FFC0_0000,
        0x41DF_FFFF_FFE0_0000,
        0x41E0_0000_0000_0000, // 2^31
        0x41F0_0000_0000_0000, // 2^32
        0x4330_0000_0000_0001,
        0x43DF_FFFF_FFFF_FFFF,
        0x43E0_0000_0000_0000, // 2^63
        0x43F0_0000_0000_0000, // 2^64
        0x47EF_FFFF_E000_0000, // the largest f32
        0x47EF_FFFF_F000_0000,
        0x7FEF_FFFF_FFFF_FFFF,
        0x7FF0_0000_0000_0000, // infinity
        0x7FF0_0000_0000_0001, // NaN
        0x7FF8_0000_0000_0000,
    ];

    /// <summary>Values of a type; those of some place and those behind it have nothing to do with each other.</summary>
    public static ulong[] Of(string type, int count, int place)
    {
        var random = new Random(1000 + place);
        int bits = PtxReference.BitsOf(type);
        ulong[] specials = Specials(type, bits);
        ulong mask = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
        ulong[] values = new ulong[count];
        for (int i = 0; i < count; i++)
            values[i] =
                random.Next(2) == 0 ? specials[random.Next(specials.Length)]
                : random.Next(2) == 0 ? Random64(random) & mask
                : Near(type, bits, random) & mask;
        // Every special is there.
        for (int i = 0; i < Math.Min(specials.Length, count); i++)
            values[(place * 61 + i) % count] = specials[i];
        return values;
    }

    private static ulong[] Specials(string type, int bits)
    {
        if (type == "pred")
            return [0, 1];
        ulong[] floats =
            type == "f32" ? s_single
            : type == "f64" ? s_double
            : [0, 1, 0x3FF, 0x400, 0x3C00, 0x3C01, 0x7BFF, 0x7C00, 0x7E00];
        ulong sign = 1UL << (bits - 1);
        if (type[0] == 'f')
            return [.. floats, .. floats.Select(f => f | sign)];
        ulong mask = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
        ulong[] numbers =
        [
            .. (ulong[])[0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 255, 0x7FFF_FFFF, 0x8000_0000],
            .. (ulong[])[sign - 1, sign, sign + 1, mask - 1, mask],
            // What lies between two floats.
            .. (ulong[])[0x1FF_FFFF, 0x100_0001, 0x20_0000_0000_0001, 0x7FFF_FFBF_FFFF_FFFF],
            .. (ulong[])[0x8000_0080_0000_0001, 0x8000_0000_0000_0401],
        ];
        return [.. numbers.Select(v => v & mask)];
    }

    // Floats near 1, so that sums round and cancel; small whole numbers.
    private static ulong Near(string type, int bits, Random random)
    {
        ExactFloat? format = PtxReference.FormatOf(type);
        if (format is null)
            return (ulong)random.Next(-40, 41);
        ulong one = format.Round(1, 0);
        ulong steps = 1UL << (format.Precision - 1);
        ulong sign = (ulong)random.Next(2) << (bits - 1);
        return sign | (one + (Random64(random) % (16 * steps)) - (8 * steps));
    }

    private static ulong Random64(Random random) =>
        (ulong)random.NextInt64() << 1 ^ (ulong)random.NextInt64();
}
