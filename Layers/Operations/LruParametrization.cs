namespace Sequor.Layers;

/// <summary>The parameters of a linear recurrent unit, or their gradients.</summary>
/// <param name="NuLog">[N]</param>
/// <param name="ThetaLog">[N]</param>
/// <param name="GammaLog">[N]</param>
/// <param name="BReal">[N, d]</param>
/// <param name="BImaginary">[N, d]</param>
/// <param name="CReal">[d, directions * N]</param>
/// <param name="CImaginary">[d, directions * N]</param>
internal readonly record struct LruTensors(
    Tensor NuLog,
    Tensor ThetaLog,
    Tensor GammaLog,
    Tensor BReal,
    Tensor BImaginary,
    Tensor CReal,
    Tensor CImaginary
)
{
    /// <summary>Operations with floats: a product for each value of the matrices, and ten for each eigenvalue.</summary>
    public long Flops => BReal.Count * 2 + CReal.Count + 10 * NuLog.Count;

    /// <summary>Adds all tensors to a report.</summary>
    public OperationReport ReadBy(OperationReport report) =>
        report.Reads(NuLog, ThetaLog, GammaLog, BReal, BImaginary, CReal, CImaginary);
}

/// <summary>
/// What the scan and the products around it read: lambda for a <see cref="DiagonalScanOperation"/>, and real matrices B' and C'. As
/// states are interleaved (re, im) pairs, u = z B'^T and y = x C'^T are single real products.
/// <code>
/// lambda = exp(-exp(nu_log) + i exp(theta_log))
/// B'     = exp(gamma_log) B, its rows re and im in turn
/// C'     = (C_re, -C_im), its columns in turn, one below the other for two directions
/// </code>
/// Source: Orvieto et al. 2023, section 3.
/// </summary>
/// <param name="Lambda">[N, 2]; as a gradient [rows, 2N], the sum of whose rows is the gradient.</param>
/// <param name="B">B' [2N, d].</param>
/// <param name="C">C' [directions * d, 2N].</param>
internal readonly record struct LruMatrices(Tensor Lambda, Tensor B, Tensor C)
{
    /// <summary>Fills a report of the matrices being computed.</summary>
    public OperationReport Describe(OperationReport report, in LruTensors parameters) =>
        parameters.ReadBy(report).Writes(Lambda, B, C).Costs(parameters.Flops);

    /// <summary>Fills a report of the chain rule back to the parameters, which takes about twice as much.</summary>
    public OperationReport DescribeGradient(
        OperationReport report,
        in LruTensors parameters,
        in LruTensors gradients
    ) =>
        parameters
            .ReadBy(report)
            .Reads(Lambda, B, C)
            .Updates(
                gradients.NuLog,
                gradients.ThetaLog,
                gradients.GammaLog,
                gradients.BReal,
                gradients.BImaginary,
                gradients.CReal,
                gradients.CImaginary
            )
            .Costs(2 * parameters.Flops + Lambda.Count);
}
