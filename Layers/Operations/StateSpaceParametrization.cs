namespace Sequor.Layers;

/// <summary>How a continuous system x' = L x + u becomes one of steps.</summary>
internal enum StateSpaceRule
{
    /// <summary>Inputs stay as they are for a step: a = exp(z), C' = k C (a - 1) / L.</summary>
    ZeroOrderHold,

    /// <summary>By the trapezoid: a = (1 + z / 2) / (1 - z / 2), C' = k C dt / (1 - z / 2).</summary>
    Bilinear,

    /// <summary>
    /// DSS's softmax over a sequence of R steps: a = exp(z), C' = k C / (L sum over r &lt; R of exp(z r)). Where Re z &gt; 0 all exponents
    /// are less by z (R - 1). 1 / x is conj(x) / (|x|^2 + 1e-7).
    /// </summary>
    Softmax,
}

/// <summary>The rule, and what it needs besides tensors.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Factor">k: 2 where each state stands for itself and its conjugate, 1 where it is alone.</param>
/// <param name="Length">R, the steps of the softmax; other rules do not ask.</param>
internal readonly record struct StateSpaceForm(StateSpaceRule Rule, int Factor, int Length)
{
    /// <summary>Added to |x|^2 where the softmax divides by x.</summary>
    public const double Epsilon = 1e-7;

    /// <summary>Whether the first tensor of L is log(-Re L), which keeps the system stable; else it is Re L.</summary>
    public bool IsStable => Rule != StateSpaceRule.Softmax;
}

/// <summary>The parameters of H systems, or their gradients: those of L always have a row a channel.</summary>
/// <param name="LogStep">
/// log dt [H], z = dt L; or [H, 2], one dt for the real part and one for the imaginary: z = dt_re Re L + i dt_im Im L.
/// </param>
/// <param name="Real">log(-Re L), or Re L: [H, N], or [N] where all channels share it.</param>
/// <param name="Imaginary">Im L, likewise.</param>
/// <param name="C">[directions * H, 2N], in (re, im) pairs.</param>
internal readonly record struct StateSpaceTensors(
    Tensor LogStep,
    Tensor Real,
    Tensor Imaginary,
    Tensor C
);

/// <summary>What the scan reads, or its gradients: a [H, 2N] and C' [directions * H, 2N], in (re, im) pairs.</summary>
internal readonly record struct StateSpaceMatrices(Tensor A, Tensor C)
{
    // An exponential, a quotient and some products in double for each state.
    private long Flops => 40 * A.Count + 4 * C.Count;

    /// <summary>Fills a report of the matrices being computed.</summary>
    public OperationReport Describe(OperationReport report, in StateSpaceTensors p) =>
        report.Reads(p.LogStep, p.Real, p.Imaginary, p.C).Writes(A, C).Costs(Flops);

    /// <summary>Fills a report of the chain rule back to the parameters, which takes about twice as much.</summary>
    public OperationReport DescribeGradient(
        OperationReport report,
        in StateSpaceTensors p,
        in StateSpaceTensors d
    ) =>
        report
            .Reads(p.LogStep, p.Real, p.Imaginary, p.C)
            .Reads(A, C)
            .Updates(d.LogStep, d.Real, d.Imaginary, d.C)
            .Costs(2 * Flops);
}
