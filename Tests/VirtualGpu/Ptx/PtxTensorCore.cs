namespace Sequor.VirtualGpu.Ptx;

/// <summary>What factors of a matrix product are.</summary>
internal enum PtxFactor
{
    /// <summary>19 bits in a register of 32: eight of exponent, ten of fraction.</summary>
    Tf32,

    /// <summary>Two a register: eight bits of exponent, seven of fraction.</summary>
    BFloat16,

    /// <summary>Two a register: five bits of exponent, ten of fraction.</summary>
    Float16,
}

/// <summary>How a matrix product adds up its terms.</summary>
internal enum PtxSummation
{
    /// <summary>One after another in double precision, then rounded to nearest: the most accurate that is allowed.</summary>
    Wide,

    /// <summary>One after another, each sum rounded to a float to nearest: "at least single precision".</summary>
    Single,

    /// <summary>
    /// Some at a time with the sum so far, all cut to a multiple of one power of two, and the sum cut to a float: as measured.
    /// </summary>
    Aligned,
}

/// <summary>
/// How this tensor core computes <c>mma</c>: one of the ways that the PTX ISA leaves open, which is the same for all products of a
/// device. Products of factors are exact in each; order and rounding of sums are not documented. What was measured is
/// <see cref="PtxSummation.Aligned"/>: the models that go with Khattak and Mikaitis, "Accurate Models of NVIDIA Tensor Cores" (2025,
/// github.com/north-numerical-computing/MATLAB-tensor-core, folder models), which give the bits of the cards they are of, cut both
/// terms and sums toward zero, and add 4 products at a time with no extra bit (V100), 8 with one (A100, L40S, Ada) or 16 with two
/// (H100); of TF32, which the V100 has not, half as many. Fasi and others, "Numerical behavior of NVIDIA tensor cores" (2021), have V100, T4 and A100 before;
/// of that the abstract alone was read here. No card answers backwards: that is freedom which the ISA leaves.
/// </summary>
/// <param name="Summation">How terms are added.</param>
/// <param name="Block">Products that are added at a time.</param>
/// <param name="ExtraBits">Bits that are kept below those of a float while terms are added.</param>
/// <param name="Backwards">The last terms come first.</param>
/// <param name="RoundsFactors">
/// What is done with the 13 bits of a register that TF32 has not, and that no documentation allows to be set: they are rounded into
/// the others, or else ignored.
/// </param>
internal sealed record PtxTensorCore(
    PtxSummation Summation,
    int Block,
    int ExtraBits,
    bool Backwards,
    bool RoundsFactors
)
{
    private static readonly (PtxSummation, int, int)[] s_ways =
    [
        (PtxSummation.Aligned, 4, 0),
        (PtxSummation.Aligned, 4, 1),
        (PtxSummation.Aligned, 8, 1),
        (PtxSummation.Aligned, 8, 2),
        (PtxSummation.Aligned, 16, 2),
        (PtxSummation.Single, 1, 0),
        (PtxSummation.Wide, 1, 0),
    ];

    /// <summary>Every way there is.</summary>
    public static IReadOnlyList<PtxTensorCore> All { get; } =
    [
        .. from way in s_ways
        from backwards in (bool[])[false, true]
        from rounds in (bool[])[false, true]
        select new PtxTensorCore(way.Item1, way.Item2, way.Item3, backwards, rounds),
    ];

    /// <summary>That of a seed.</summary>
    public static PtxTensorCore Of(ulong seed) =>
        All[(int)(PtxRandom.Mix(seed ^ 0x7E50) % (ulong)All.Count)];

    /// <summary>
    /// The most that a result differs from the exact one in any of the ways, where nothing overflows. A block of b products cuts b
    /// terms and a sum, each by less than 2^-23 of what there is; with blocks of 4 that is 5/4 of a cut for each product.
    /// </summary>
    /// <param name="depth">Products a result.</param>
    /// <param name="magnitude">The sum of the magnitudes of all terms, that of C's element among them.</param>
    public static double ErrorBound(int depth, double magnitude)
    {
        double cuts = 1.25 * depth;
        // Sums grow by the errors made before; floats do not get finer than 2^-149.
        return cuts
            * (Math.ScaleB(magnitude, -23) * (1 + Math.ScaleB(cuts, -23)) + Math.ScaleB(1, -149));
    }
}
