namespace Sequor.Layers;

/// <summary>
/// C [M, N] = op(A) op(B), plus C where <see cref="Accumulate"/>, plus a bias row [N] where there is one; op transposes its matrix or
/// leaves it. Tensors are seen as matrices [rows, columns]. C overlaps none of the others, which may overlap each other. Nothing needs A
/// and B both transposed, or a bias together with accumulation or a transposed A, so these are not offered.
/// </summary>
internal readonly record struct MatrixProduct
{
    /// <summary>[M, K], or [K, M] where transposed.</summary>
    public required Tensor A { get; init; }

    /// <summary>[K, N], or [N, K] where transposed.</summary>
    public required Tensor B { get; init; }
    public required Tensor C { get; init; }
    public Tensor Bias { get; init; }

    /// <summary>
    /// [M] what the sums over A's K rows are added to, beside the product; empty for none. Only with A transposed, without a bias, and
    /// where <see cref="Backend.JoinsSums"/> says so.
    /// </summary>
    public Tensor Sums { get; init; }

    /// <summary>Whether <see cref="Sums"/> holds zeros, so that what was there need not be read.</summary>
    public bool SumsAreZero { get; init; }
    public bool TransposeA { get; init; }
    public bool TransposeB { get; init; }
    public bool Accumulate { get; init; }

    /// <summary>
    /// Where a backend lays out B as its kernels read it, of <see cref="Backend.FactorCount"/> floats; empty where it does so in scratch
    /// memory, at each product. Only where A is not transposed.
    /// </summary>
    public Tensor Factor { get; init; }

    /// <summary>Whether B, unchanged since, is laid out there already.</summary>
    public bool HasFactor { get; init; }

    /// <summary>Fills a report: a product of M, N and K takes 2 M N K operations, a sum for each value with a bias, and one for each of A that is summed up.</summary>
    public OperationReport Describe(OperationReport report)
    {
        long inner = TransposeA ? A.Shape.Rows : A.Shape.Columns;
        return report
            .Reads(A, B, Bias)
            .Results(C, Accumulate)
            .Results(Sums, adds: !SumsAreZero)
            .Costs(
                2 * C.Count * inner + (Bias.IsEmpty ? 0 : C.Count) + (Sums.IsEmpty ? 0 : A.Count)
            );
    }
}
