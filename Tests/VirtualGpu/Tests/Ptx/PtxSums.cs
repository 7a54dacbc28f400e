using System.Numerics;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>A term of a sum: a whole number times a power of two.</summary>
/// <param name="Number">The whole number.</param>
/// <param name="Exponent">The power.</param>
/// <param name="Order">The power of two that it lies at: of a product the sum of its factors', whatever they carry.</param>
internal readonly record struct PtxTerm(BigInteger Number, int Exponent, int Order)
{
    /// <summary>A float by its bits.</summary>
    public static PtxTerm Of(ulong bits)
    {
        (BigInteger number, int exponent) = ExactFloat.Single.Value(bits);
        return new(number, exponent, Size(number, exponent));
    }

    /// <summary>The power of two that a number is one to two times of.</summary>
    public static int Size(BigInteger number, int exponent) =>
        exponent + (int)BigInteger.Abs(number).GetBitLength() - 1;
}

/// <summary>The ways of a tensor core as they are declared, by whole numbers without bounds.</summary>
internal static class PtxSums
{
    /// <summary>The bits of a sum's float: of C's element, then of the products.</summary>
    public static uint Of(PtxTensorCore core, PtxTerm[] terms)
    {
        PtxTerm[] products = terms[1..];
        if (core.Summation == PtxSummation.Aligned)
            return Aligned(core, terms[0], products);
        if (core.Backwards)
            Array.Reverse(products);
        ExactFloat format =
            core.Summation == PtxSummation.Wide ? ExactFloat.Double : ExactFloat.Single;
        PtxTerm sum = terms[0];
        foreach (PtxTerm product in products)
        {
            (BigInteger number, int exponent) = Add(sum, product);
            (number, exponent) = format.Value(format.Round(number, exponent));
            sum = new(number, exponent, 0);
        }
        return (uint)ExactFloat.Single.Round(sum.Number, sum.Exponent);
    }

    /// <summary>The sum of terms, rounded to double precision once.</summary>
    public static double Exact(params PtxTerm[] terms)
    {
        (BigInteger number, int exponent) = Add(terms);
        return BitConverter.UInt64BitsToDouble(ExactFloat.Double.Round(number, exponent));
    }

    private static uint Aligned(PtxTensorCore core, PtxTerm first, PtxTerm[] products)
    {
        PtxTerm[][] blocks = [.. products.Chunk(Math.Min(core.Block, products.Length))];
        if (core.Backwards)
            Array.Reverse(blocks);
        uint bits = (uint)ExactFloat.Single.Round(first.Number, first.Exponent);
        foreach (PtxTerm[] block in blocks)
        {
            PtxTerm[] all = [PtxTerm.Of(bits), .. block];
            int most = all.Where(t => !t.Number.IsZero).Select(t => t.Order).Append(-126).Max();
            int last = most - 23 - core.ExtraBits;
            BigInteger units = all.Aggregate(
                BigInteger.Zero,
                (sum, t) => sum + Scaled(t.Number, t.Exponent - last)
            );
            bits = (uint)ExactFloat.Single.Round(units, last, rounding: "rz");
        }
        return bits;
    }

    private static (BigInteger Number, int Exponent) Add(params PtxTerm[] terms)
    {
        int least = terms.Min(t => t.Exponent);
        BigInteger sum = BigInteger.Zero;
        foreach (PtxTerm term in terms)
            sum += term.Number << (term.Exponent - least);
        return (sum, least);
    }

    // Toward zero.
    private static BigInteger Scaled(BigInteger number, int by) =>
        by >= 0 ? number << by : number.Sign * (BigInteger.Abs(number) >> -by);
}
