namespace Sequor.Layers;

/// <summary>The parameters of a diagonal recurrence, or their gradients.</summary>
/// <param name="Form">What the eigenvalues and the factors of the inputs are made of.</param>
/// <param name="Decay">[N]</param>
/// <param name="Frequency">[N]</param>
/// <param name="Scale">[N]; empty where the form has none.</param>
/// <param name="BReal">[N, d]</param>
/// <param name="BImaginary">[N, d]</param>
/// <param name="CReal">[d, directions * N]</param>
/// <param name="CImaginary">[d, directions * N]</param>
internal readonly record struct DiagonalTensors(
    DiagonalForm Form,
    Tensor Decay,
    Tensor Frequency,
    Tensor Scale,
    Tensor BReal,
    Tensor BImaginary,
    Tensor CReal,
    Tensor CImaginary
)
{
    /// <summary>
    /// Operations with floats: a product for each value of the matrices, or six for a complex one, and ten for each eigenvalue, or forty
    /// where it is sampled.
    /// </summary>
    public long Flops =>
        BReal.Count * (Form.IsSampled() ? 6 : 2)
        + CReal.Count * (Form.IsSampled() ? 2 : 1)
        + (Form.IsSampled() ? 40 : 10) * Decay.Count;

    /// <summary>Adds all tensors to a report.</summary>
    public OperationReport ReadBy(OperationReport report) =>
        report.Reads(Decay, Frequency, Scale, BReal, BImaginary, CReal, CImaginary);
}

/// <summary>
/// What the scan and the products around it read: lambda for a <see cref="DiagonalScanOperation"/>, and real matrices B' and C'. As
/// states are interleaved (re, im) pairs, u = z B'^T and y = x C'^T are single real products. With lambda, f and the output's factor of the
/// <see cref="DiagonalForm"/>:
/// <code>
/// B' = f B, its rows re and im in turn
/// C' = factor (C_re, -C_im), its columns in turn, one below the other for two directions
/// </code>
/// Source: Orvieto et al. 2023, section 3; Smith et al. 2022, section 3.
/// </summary>
/// <param name="Lambda">[N, 2]; as a gradient [rows, 2N], the sum of whose rows is the gradient.</param>
/// <param name="B">B' [2N, d].</param>
/// <param name="C">C' [directions * d, 2N].</param>
internal readonly record struct DiagonalMatrices(Tensor Lambda, Tensor B, Tensor C)
{
    /// <summary>Fills a report of matrices being computed.</summary>
    public static OperationReport Describe(
        OperationReport report,
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices
    )
    {
        long flops = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i].ReadBy(report).Writes(matrices[i].Lambda, matrices[i].B, matrices[i].C);
            flops += parameters[i].Flops;
        }
        return report.Costs(flops);
    }

    /// <summary>Fills a report of the chain rule back to the parameters, which takes about twice as much.</summary>
    public static OperationReport DescribeGradient(
        OperationReport report,
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients
    )
    {
        long flops = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            DiagonalTensors d = gradients[i];
            parameters[i]
                .ReadBy(report)
                .Reads(slopes[i].Lambda, slopes[i].B, slopes[i].C)
                .Updates(
                    d.Decay,
                    d.Frequency,
                    d.Scale,
                    d.BReal,
                    d.BImaginary,
                    d.CReal,
                    d.CImaginary
                );
            flops += 2 * parameters[i].Flops + slopes[i].Lambda.Count;
        }
        return report.Costs(flops);
    }
}
