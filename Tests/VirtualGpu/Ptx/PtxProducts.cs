namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Products of matrices as a tensor core computes them. Factors have 11 bits or fewer, so that each product of two is exact in
/// double precision.
/// </summary>
/// <param name="core">How sums are made.</param>
/// <param name="a">Rows of the left matrix.</param>
/// <param name="b">Columns of the right matrix.</param>
/// <param name="depth">The length of both.</param>
/// <param name="finite">Whether all factors and what is added to are.</param>
internal readonly unsafe ref struct PtxProducts(
    PtxTensorCore core,
    float* a,
    float* b,
    int depth,
    bool finite
)
{
    // As cards answer; PTX says that it is NaN.
    private const int NaN = 0x7FFFFFFF;

    // Below that of any product of floats.
    private const int NoExponent = -1000;

    /// <summary>Adds the products to what lies at c, row by row.</summary>
    public void AddTo(float* c, int rows, int columns)
    {
        for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
        {
            float* left = a + row * depth;
            float* right = b + column * depth;
            float* sum = c + row * columns + column;
            if (finite || IsFinite(left, right, *sum))
                *sum = core.Summation switch
                {
                    PtxSummation.Wide => Wide(left, right, *sum),
                    PtxSummation.Single => Single(left, right, *sum),
                    _ => Aligned(left, right, *sum),
                };
            else
                *sum = Special(left, right, *sum);
        }
    }

    private bool IsFinite(float* left, float* right, float sum)
    {
        bool all = float.IsFinite(sum);
        for (int i = 0; i < depth; i++)
            all &= float.IsFinite(left[i]) && float.IsFinite(right[i]);
        return all;
    }

    private float Special(float* left, float* right, double sum)
    {
        for (int i = 0; i < depth; i++)
            sum += (double)left[i] * right[i];
        return double.IsNaN(sum) ? BitConverter.Int32BitsToSingle(NaN) : (float)sum;
    }

    private float Wide(float* left, float* right, double sum)
    {
        for (int i = 0; i < depth; i++)
        {
            int at = core.Backwards ? depth - 1 - i : i;
            sum += (double)left[at] * right[at];
        }
        return (float)sum;
    }

    private float Single(float* left, float* right, float sum)
    {
        for (int i = 0; i < depth; i++)
        {
            int at = core.Backwards ? depth - 1 - i : i;
            sum = MathF.FusedMultiplyAdd(left[at], right[at], sum);
        }
        return sum;
    }

    private float Aligned(float* left, float* right, float sum)
    {
        int block = Math.Min(core.Block, depth);
        for (int first = 0; first < depth; first += block)
        {
            int at = core.Backwards ? depth - block - first : first;
            sum = AddBlock(left + at, right + at, block, sum);
            if (float.IsInfinity(sum))
                break;
        }
        return sum;
    }

    // The largest exponent says of what power of two all terms are made multiples, by cutting what is below.
    private float AddBlock(float* left, float* right, int block, float sum)
    {
        int most = sum == 0 ? NoExponent : Exponent(sum);
        for (int i = 0; i < block; i++)
            if (left[i] != 0 && right[i] != 0)
                most = Math.Max(most, Exponent(left[i]) + Exponent(right[i]));
        if (most == NoExponent)
            return 0;
        // Floats do not get finer.
        most = Math.Max(most, -126);
        int kept = 23 + core.ExtraBits - most;
        double scale = PowerOfTwo(kept);
        long units = (long)(sum * scale);
        for (int i = 0; i < block; i++)
            units += (long)((double)left[i] * right[i] * scale);
        return Cut(units * PowerOfTwo(-kept));
    }

    // What it is 1 to 2 times of, by powers of two; of floats below the normal ones too.
    private static int Exponent(float value) =>
        (int)((BitConverter.DoubleToUInt64Bits(value) >> 52) & 0x7FF) - 1023;

    private static double PowerOfTwo(int exponent) =>
        BitConverter.UInt64BitsToDouble((ulong)(exponent + 1023) << 52);

    private static float Cut(double value)
    {
        float nearest = (float)value;
        if (!(Math.Abs((double)nearest) > Math.Abs(value)) || Math.Abs(value) >= PowerOfTwo(128))
            return nearest;
        // The float before it, of an infinite one the largest.
        return BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(nearest) - 1);
    }
}
