using System.Numerics;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// Binary floats of some size as whole numbers times powers of two, so that sums, products, quotients and roots are
/// exact until they are rounded, once, to nearest with ties to even. It uses no floating-point arithmetic.
/// </summary>
/// <param name="Bits">All bits: 16, 19, 32 or 64.</param>
/// <param name="Precision">Bits of the significand, the hidden one with them.</param>
internal sealed record ExactFloat(int Bits, int Precision)
{
    public static readonly ExactFloat Half = new(16, 11);
    public static readonly ExactFloat Single = new(32, 24);
    public static readonly ExactFloat Double = new(64, 53);
    public static readonly ExactFloat BFloat = new(16, 8);
    public static readonly ExactFloat Tf32 = new(19, 11);

    private int ExponentBits => Bits - Precision;

    private ulong ExponentMask => (1UL << ExponentBits) - 1;

    private int Bias => (1 << (ExponentBits - 1)) - 1;

    // The power of two that a subnormal's last bit stands for.
    private int Least => 2 - Bias - Precision;

    public ulong Sign => 1UL << (Bits - 1);

    public ulong Infinity => ExponentMask << (Precision - 1);

    public ulong NaN => Infinity | (1UL << (Precision - 2));

    public bool IsNaN(ulong bits) => (bits & ~Sign) > Infinity;

    public bool IsInfinity(ulong bits) => (bits & ~Sign) == Infinity;

    public bool IsZero(ulong bits) => (bits & ~Sign) == 0;

    public bool IsSubnormal(ulong bits) => !IsZero(bits) && (bits & Infinity) == 0;

    public bool IsNegative(ulong bits) => (bits & Sign) != 0;

    /// <summary>Subnormals become zeros of their sign.</summary>
    public ulong Flush(ulong bits) => IsSubnormal(bits) ? bits & Sign : bits;

    /// <summary>A finite number as a whole number times a power of two.</summary>
    public (BigInteger Number, int Exponent) Value(ulong bits)
    {
        ulong fraction = bits & ((1UL << (Precision - 1)) - 1);
        int exponent = (int)((bits >> (Precision - 1)) & ExponentMask);
        BigInteger number = exponent == 0 ? fraction : fraction | (1UL << (Precision - 1));
        return (IsNegative(bits) ? -number : number, Least + Math.Max(exponent - 1, 0));
    }

    /// <summary>The float nearest to a number times a power of two.</summary>
    /// <param name="number">The number; 0 becomes positive.</param>
    /// <param name="exponent">The power.</param>
    /// <param name="more">The number's magnitude is a little larger, by less than one.</param>
    /// <param name="rounding">rn: ties to even; rna: ties away from zero; rz: toward zero.</param>
    public ulong Round(BigInteger number, int exponent, bool more = false, string rounding = "rn")
    {
        if (number.IsZero)
            return 0;
        ulong sign = number.Sign < 0 ? Sign : 0;
        BigInteger size = BigInteger.Abs(number);
        int last = Math.Max(exponent + (int)size.GetBitLength() - Precision, Least);
        int shift = last - exponent;
        if (shift <= 0)
        {
            size <<= -shift;
        }
        else
        {
            BigInteger rest = size & ((BigInteger.One << shift) - 1);
            BigInteger half = BigInteger.One << (shift - 1);
            size >>= shift;
            bool tieUp = more || rounding == "rna" || !size.IsEven;
            if (rounding != "rz" && (rest > half || (rest == half && tieUp)))
                size++;
        }
        if (size.GetBitLength() > Precision)
        {
            size >>= 1;
            last++;
        }
        if (last > Bias + 1 - Precision)
            return sign | (rounding == "rz" ? Infinity - 1 : Infinity);
        ulong fraction = (ulong)size;
        return sign
            + (
                size.GetBitLength() < Precision
                    ? fraction
                    : ((ulong)(last - Least) << (Precision - 1)) + fraction
            );
    }

    public ulong Add(ulong a, ulong b)
    {
        if (IsNaN(a) || IsNaN(b) || (IsInfinity(a) && IsInfinity(b) && a != b))
            return NaN;
        if (IsInfinity(a) || IsInfinity(b))
            return IsInfinity(a) ? a : b;
        // A sum of exactly 0 is positive, but for two negative zeros.
        return IsZero(a) && IsZero(b) ? a & b : Sum(Value(a), Value(b));
    }

    public ulong Multiply(ulong a, ulong b)
    {
        ulong sign = (a ^ b) & Sign;
        if (IsNaN(a) || IsNaN(b) || (IsInfinity(a) && IsZero(b)) || (IsZero(a) && IsInfinity(b)))
            return NaN;
        if (IsInfinity(a) || IsInfinity(b))
            return sign | Infinity;
        if (IsZero(a) || IsZero(b))
            return sign;
        (BigInteger m, int e) = Product(a, b);
        return Round(m, e);
    }

    /// <summary>a times b, plus c, rounded once.</summary>
    public ulong MultiplyAdd(ulong a, ulong b, ulong c)
    {
        ulong product = Multiply(a, b);
        if (IsNaN(product) || IsNaN(c))
            return NaN;
        // What is infinite only because it was rounded is not.
        if (IsInfinity(a) || IsInfinity(b) || IsInfinity(c) || IsZero(a) || IsZero(b))
            return Add(IsInfinity(a) || IsInfinity(b) ? product : (a ^ b) & Sign, c);
        return Sum(Product(a, b), Value(c));
    }

    public ulong Divide(ulong a, ulong b)
    {
        ulong sign = (a ^ b) & Sign;
        if (IsNaN(a) || IsNaN(b) || (IsInfinity(a) && IsInfinity(b)) || (IsZero(a) && IsZero(b)))
            return NaN;
        if (IsInfinity(a) || IsZero(b))
            return sign | Infinity;
        if (IsZero(a) || IsInfinity(b))
            return sign;
        (BigInteger n, int ne) = Value(a);
        (BigInteger d, int de) = Value(b);
        // Enough bits that what is left over decides ties only.
        int shift = 3 * Bits;
        BigInteger quotient = BigInteger.DivRem(
            BigInteger.Abs(n) << shift,
            BigInteger.Abs(d),
            out BigInteger rest
        );
        return sign | Round(quotient, ne - de - shift, !rest.IsZero);
    }

    public ulong Root(ulong a)
    {
        if (IsNaN(a) || (IsNegative(a) && !IsZero(a)))
            return NaN;
        if (IsInfinity(a) || IsZero(a))
            return a;
        (BigInteger n, int e) = Value(a);
        int shift = (4 * Bits) + (e & 1);
        (BigInteger root, bool exact) = WholeRoot(n << shift);
        return Round(root, (e - shift) / 2, !exact);
    }

    /// <summary>-1, 0 or 1; null where one is NaN.</summary>
    public int? Compare(ulong a, ulong b)
    {
        if (IsNaN(a) || IsNaN(b))
            return null;
        return Ordered(a).CompareTo(Ordered(b));

        // By the bits alone: floats of a sign are ordered as their bits.
        BigInteger Ordered(ulong bits) => IsNegative(bits) ? -(BigInteger)(bits & ~Sign) : bits;
    }

    private ulong Sum((BigInteger Number, int Exponent) a, (BigInteger Number, int Exponent) b)
    {
        int exponent = Math.Min(a.Exponent, b.Exponent);
        return Round(
            (a.Number << (a.Exponent - exponent)) + (b.Number << (b.Exponent - exponent)),
            exponent
        );
    }

    private (BigInteger Number, int Exponent) Product(ulong a, ulong b)
    {
        (BigInteger m, int me) = Value(a);
        (BigInteger n, int ne) = Value(b);
        return (m * n, me + ne);
    }

    // Newton's iteration from above.
    private static (BigInteger Root, bool Exact) WholeRoot(BigInteger number)
    {
        BigInteger root = BigInteger.One << (((int)number.GetBitLength() + 1) / 2);
        while (true)
        {
            BigInteger next = (root + (number / root)) >> 1;
            if (next >= root)
                return (root, root * root == number);
            root = next;
        }
    }
}
