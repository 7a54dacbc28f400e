using System.Globalization;
using System.Numerics;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// What an instruction without memory gives, by its name, from exact arithmetic: operands and result are bits, in the
/// order in which the text has the operands. Predicates are 0 and 1.
/// </summary>
/// <param name="Result">The type of the result.</param>
/// <param name="Operands">The types of the operands.</param>
/// <param name="Apply">The result; where it is NaN any NaN is right.</param>
internal sealed record PtxReference(string Result, string[] Operands, Func<ulong[], ulong> Apply)
{
    /// <summary>The reference of an instruction; null where there is none.</summary>
    public static PtxReference? Of(string name)
    {
        string[] parts = name.Split('.');
        string type = parts[^1];
        string[] modifiers = parts[1..];
        if (parts[0] == "cvt")
            return Convert(modifiers);
        if (parts[0] == "setp")
            return Compare(type, modifiers);
        return type is "f32" or "f64" ? OfFloats(parts[0], type, modifiers)
            : type == "pred" ? OfPredicates(parts[0])
            : OfIntegers(parts[0], type, modifiers);
    }

    /// <summary>The bits of a type.</summary>
    public static int BitsOf(string type) =>
        type switch
        {
            "pred" => 1,
            "bf16" => 16,
            "tf32" or "bf16x2" or "f16x2" => 32,
            _ => int.Parse(type[1..], CultureInfo.InvariantCulture),
        };

    /// <summary>How floats of a type are made; null for other types.</summary>
    public static ExactFloat? FormatOf(string type) =>
        type switch
        {
            "f16" => ExactFloat.Half,
            "f32" => ExactFloat.Single,
            "f64" => ExactFloat.Double,
            "bf16" => ExactFloat.BFloat,
            _ => null,
        };

    private static PtxReference Same(string type, int count, Func<ulong[], ulong> apply) =>
        new(type, [.. Enumerable.Repeat(type, count)], apply);

    private static PtxReference? OfPredicates(string opcode) =>
        opcode switch
        {
            "mov" => Same("pred", 1, o => o[0]),
            "not" => Same("pred", 1, o => 1 - o[0]),
            "and" => Same("pred", 2, o => o[0] & o[1]),
            "or" => Same("pred", 2, o => o[0] | o[1]),
            "xor" => Same("pred", 2, o => o[0] ^ o[1]),
            _ => null,
        };

    private static PtxReference? OfFloats(string opcode, string type, string[] modifiers)
    {
        ExactFloat f = FormatOf(type)!;
        bool flushes = modifiers.Contains("ftz");
        bool saturates = modifiers.Contains("sat");
        bool takesNaN = modifiers.Contains("NaN");
        if (modifiers.Contains("approx") || modifiers.Contains("full"))
            return null;
        return opcode switch
        {
            // These keep every bit, of NaN too.
            "mov" => Same(type, 1, o => o[0]),
            "selp" => new(type, [type, type, "pred"], o => o[2] != 0 ? o[0] : o[1]),
            "add" => Rounded(2, o => f.Add(o[0], o[1])),
            "sub" => Rounded(2, o => f.Add(o[0], Negated(o[1]))),
            "mul" => Rounded(2, o => f.Multiply(o[0], o[1])),
            "fma" or "mad" => Rounded(3, o => f.MultiplyAdd(o[0], o[1], o[2])),
            "div" => Rounded(2, o => f.Divide(o[0], o[1])),
            "rcp" => Rounded(1, o => f.Divide(One(), o[0])),
            "sqrt" => Rounded(1, o => f.Root(o[0])),
            "abs" => Rounded(1, o => o[0] & ~f.Sign),
            "neg" => Rounded(1, o => Negated(o[0])),
            "copysign" => Rounded(2, o => (o[0] & f.Sign) | (o[1] & ~f.Sign)),
            "min" => Rounded(2, o => Least(o[0], o[1], -1)),
            "max" => Rounded(2, o => Least(o[0], o[1], 1)),
            _ => null,
        };

        ulong One() => f.Round(1, 0);

        ulong Negated(ulong bits) => f.IsNaN(bits) ? bits : bits ^ f.Sign;

        ulong Least(ulong a, ulong b, int side) =>
            f.IsNaN(a) && f.IsNaN(b) ? f.NaN
            : f.IsNaN(a) || f.IsNaN(b)
                ? (
                    takesNaN ? f.NaN
                    : f.IsNaN(a) ? b
                    : a
                )
            : f.IsZero(a) && f.IsZero(b) ? (side < 0 ? a | b : a & b)
            : f.Compare(a, b) == side ? a
            : b;

        PtxReference Rounded(int count, Func<ulong[], ulong> apply) =>
            Same(
                type,
                count,
                o =>
                {
                    ulong result = apply(flushes ? [.. o.Select(f.Flush)] : o);
                    if (saturates)
                        result =
                            f.IsNaN(result) || f.IsNegative(result) ? 0
                            : f.Compare(result, One()) > 0 ? One()
                            : result;
                    return flushes ? f.Flush(result) : result;
                }
            );
    }

    private static PtxReference? OfIntegers(string opcode, string type, string[] modifiers)
    {
        if (type[0] is not ('s' or 'u' or 'b') || !int.TryParse(type[1..], out int bits))
            return null;
        string wide = type[0] + (2 * bits).ToString(CultureInfo.InvariantCulture);
        return opcode switch
        {
            "mov" => Same(type, 1, o => o[0]),
            "selp" => new(type, [type, type, "pred"], o => o[2] != 0 ? o[0] : o[1]),
            "add" => Whole(2, n => n[0] + n[1]),
            "sub" => Whole(2, n => n[0] - n[1]),
            "mul" when modifiers.Contains("wide") => Widened(2, n => n[0] * n[1]),
            "mad" when modifiers.Contains("wide") => Widened(3, n => (n[0] * n[1]) + n[2]),
            "mul" when modifiers.Contains("hi") => Whole(2, n => (n[0] * n[1]) >> bits),
            "mad" when modifiers.Contains("hi") => Whole(3, n => ((n[0] * n[1]) >> bits) + n[2]),
            "mul" => Whole(2, n => n[0] * n[1]),
            "mad" => Whole(3, n => (n[0] * n[1]) + n[2]),
            // By 0 is a fault of the virtual GPU, of which other tests tell.
            "div" => Whole(2, n => n[1].IsZero ? null : BigInteger.Divide(n[0], n[1])),
            "rem" => Whole(2, n => n[1].IsZero ? null : BigInteger.Remainder(n[0], n[1])),
            "min" => Whole(2, n => BigInteger.Min(n[0], n[1])),
            "max" => Whole(2, n => BigInteger.Max(n[0], n[1])),
            "abs" => Whole(1, n => BigInteger.Abs(n[0])),
            "neg" => Whole(1, n => -n[0]),
            "not" => Whole(1, n => -1 - n[0]),
            "and" => Whole(2, n => n[0] & n[1]),
            "or" => Whole(2, n => n[0] | n[1]),
            "xor" => Whole(2, n => n[0] ^ n[1]),
            "shl" => Shifted(n => n.By >= bits ? 0 : n.Number << n.By),
            "shr" => Shifted(n => n.Number >> n.By),
            // Place and number of the digits are in the last byte of each, and what lies beyond the last digit is 0.
            "bfe" when type[0] == 'u' => new(
                type,
                [type, "u32", "u32"],
                o =>
                    (ulong)(
                        (new BigInteger(o[0]) >> (int)(o[1] & 0xff))
                        & ((BigInteger.One << (int)(o[2] & 0xff)) - 1)
                    )
            ),
            "popc" => Counted(n => Digits(n).Count(d => d == '1')),
            "clz" => Counted(n => Digits(n).TakeWhile(d => d == '0').Count()),
            "brev" => Same(
                type,
                1,
                o =>
                    Digits(o[0])
                        .Reverse()
                        .Aggregate(0ul, (number, digit) => (2 * number) + (ulong)(digit - '0'))
            ),
            _ => null,
        };

        BigInteger Number(ulong value) => ToNumber(value, type);

        string Digits(ulong value) =>
            value.ToString("b", CultureInfo.InvariantCulture).PadLeft(bits, '0');

        PtxReference Whole(int count, Func<BigInteger[], BigInteger?> apply) =>
            Same(type, count, o => Cut(apply([.. o.Select(Number)]) ?? Unasked, bits));

        PtxReference Widened(int count, Func<BigInteger[], BigInteger> apply) =>
            new(
                wide,
                count == 2 ? [type, type] : [type, type, wide],
                o =>
                    Cut(
                        apply([.. o.Select((v, i) => i < 2 ? Number(v) : ToNumber(v, wide))]),
                        2 * bits
                    )
            );

        PtxReference Shifted(Func<(BigInteger Number, int By), BigInteger> apply) =>
            new(
                type,
                [type, "u32"],
                o => Cut(apply((Number(o[0]), (int)Math.Min(o[1], 1000))), bits)
            );

        PtxReference Counted(Func<ulong, int> apply) => new("u32", [type], o => (ulong)apply(o[0]));
    }

    /// <summary>The result of what no reference is asked for: dividing by zero.</summary>
    public static BigInteger Unasked => BigInteger.Zero;

    private static PtxReference? Compare(string type, string[] modifiers)
    {
        string name = modifiers.First(m => m is not ("ftz" or "and" or "or" or "xor"));
        string? combine = modifiers.FirstOrDefault(m => m is "and" or "or" or "xor");
        bool flushes = modifiers.Contains("ftz");
        ExactFloat? format = FormatOf(type);
        string[] operands = combine is null ? [type, type] : [type, type, "pred"];
        return new(
            "pred",
            operands,
            o =>
            {
                int? order = format is null
                    ? ToNumber(o[0], type).CompareTo(ToNumber(o[1], type))
                    : format.Compare(
                        flushes ? format.Flush(o[0]) : o[0],
                        flushes ? format.Flush(o[1]) : o[1]
                    );
                ulong holds = Holds(order) ? 1ul : 0;
                return combine switch
                {
                    "and" => holds & o[2],
                    "or" => holds | o[2],
                    "xor" => holds ^ o[2],
                    _ => holds,
                };
            }
        );

        // Names that end in u are true where one is NaN.
        bool Holds(int? order) =>
            name switch
            {
                "num" => order is not null,
                "nan" => order is null,
                "eq" or "equ" => order is 0 || (order is null && name == "equ"),
                "ne" or "neu" => order is not (null or 0) || (order is null && name == "neu"),
                "lt" or "ltu" or "lo" => order < 0 || (order is null && name == "ltu"),
                "le" or "leu" or "ls" => order <= 0 || (order is null && name == "leu"),
                "gt" or "gtu" or "hi" => order > 0 || (order is null && name == "gtu"),
                "ge" or "geu" or "hs" => order >= 0 || (order is null && name == "geu"),
                _ => throw new ArgumentException(name),
            };
    }

    private static PtxReference? Convert(string[] modifiers)
    {
        string to = modifiers[^2];
        string from = modifiers[^1];
        if (to is "tf32" or "bf16x2" or "f16x2" || modifiers.Contains("relu"))
            return Narrow(to, modifiers);
        ExactFloat? target = FormatOf(to);
        ExactFloat? source = FormatOf(from);
        bool ftz = modifiers.Contains("ftz");
        bool flushesSource = ftz && from == "f32";
        bool flushesTarget = ftz && to == "f32";
        bool saturates = modifiers.Contains("sat");
        string? rounding = modifiers.FirstOrDefault(m => m is "rni" or "rzi" or "rmi" or "rpi");
        return new(to, [from], o => Finish(Raw(flushesSource ? source!.Flush(o[0]) : o[0])));

        ulong Raw(ulong bits)
        {
            if (source is null)
            {
                BigInteger number = ToNumber(bits, from);
                return target?.Round(number, 0) ?? Cut(number, BitsOf(to));
            }
            if (target is null)
                return Whole(bits);
            if (source.IsNaN(bits))
                return target.NaN;
            ulong sign = source.IsNegative(bits) ? target.Sign : 0;
            if (source.IsInfinity(bits))
                return sign | target.Infinity;
            if (source.IsZero(bits))
                return sign;
            (BigInteger value, int exponent) = source.Value(bits);
            return rounding is null
                ? target.Round(value, exponent, rounding: modifiers.Contains("rz") ? "rz" : "rn")
                : sign | target.Round(BigInteger.Abs(Nearest(value, exponent)), 0);
        }

        ulong Whole(ulong bits)
        {
            int size = BitsOf(to);
            (BigInteger least, BigInteger most) =
                to[0] == 's'
                    ? (-(BigInteger.One << (size - 1)), (BigInteger.One << (size - 1)) - 1)
                    : (BigInteger.Zero, (BigInteger.One << size) - 1);
            // As cards do, which were asked.
            if (source!.IsNaN(bits))
                return size < 64 && from != "f64" ? 0 : 1UL << (size - 1);
            if (source.IsInfinity(bits))
                return Cut(source.IsNegative(bits) ? least : most, size);
            (BigInteger value, int exponent) = source.Value(bits);
            return Cut(BigInteger.Clamp(Nearest(value, exponent), least, most), size);
        }

        BigInteger Nearest(BigInteger value, int exponent)
        {
            if (exponent >= 0)
                return value << exponent;
            // The right shift rounds down.
            BigInteger floor = value >> -exponent;
            BigInteger rest = value - (floor << -exponent);
            BigInteger half = BigInteger.One << (-exponent - 1);
            bool up = rounding switch
            {
                "rmi" => false,
                "rpi" => !rest.IsZero,
                "rzi" => value.Sign < 0 && !rest.IsZero,
                _ => rest > half || (rest == half && !floor.IsEven),
            };
            return up ? floor + 1 : floor;
        }

        ulong Finish(ulong bits)
        {
            if (target is null)
                return bits;
            if (saturates)
                bits =
                    target.IsNaN(bits) || target.IsNegative(bits) ? 0
                    : target.Compare(bits, target.Round(1, 0)) > 0 ? target.Round(1, 0)
                    : bits;
            return flushesTarget ? target.Flush(bits) : bits;
        }
    }

    // Floats for matrix products, of NaN the one that the ISA names.
    private static PtxReference Narrow(string to, string[] modifiers)
    {
        string rounding = modifiers.First(m => m is "rn" or "rna" or "rz");
        bool relu = modifiers.Contains("relu");
        ExactFloat target =
            to == "tf32" ? ExactFloat.Tf32
            : to.StartsWith("bf16", StringComparison.Ordinal) ? ExactFloat.BFloat
            : ExactFloat.Half;
        return to switch
        {
            "tf32" => new(
                to,
                ["f32"],
                o => ExactFloat.Single.IsNaN(o[0]) ? 0x7FFFFFFF : One(o[0]) << 13
            ),
            "bf16x2" or "f16x2" => new(to, ["f32", "f32"], o => (One(o[0]) << 16) | One(o[1])),
            _ => new(to, ["f32"], o => One(o[0])),
        };

        ulong One(ulong bits)
        {
            ExactFloat source = ExactFloat.Single;
            if (source.IsNaN(bits))
                return target.Sign - 1;
            if (relu && source.IsNegative(bits))
                return 0;
            ulong sign = source.IsNegative(bits) ? target.Sign : 0;
            if (source.IsInfinity(bits))
                return sign | target.Infinity;
            (BigInteger value, int exponent) = source.Value(bits);
            return sign | target.Round(BigInteger.Abs(value), exponent, rounding: rounding);
        }
    }

    private static BigInteger ToNumber(ulong bits, string type) =>
        type[0] == 's' && (bits >> (BitsOf(type) - 1)) != 0
            ? bits - (BigInteger.One << BitsOf(type))
            : bits;

    private static ulong Cut(BigInteger number, int bits) =>
        (ulong)(number & ((BigInteger.One << bits) - 1));
}
