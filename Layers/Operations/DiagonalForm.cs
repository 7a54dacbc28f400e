using System.Diagnostics;

namespace Sequor.Layers;

/// <summary>
/// What the eigenvalues lambda of a diagonal recurrence, and the factors f of its inputs, are made of: three numbers a state, called decay,
/// frequency and scale, of which some forms have no scale. B' = f B, and C' is <see cref="DiagonalForms.OutputFactor"/> C.
/// </summary>
/// <remarks>
/// The first four are rungs of the ladder of Orvieto et al. (2023), section 3; the last two are S5's (Smith et al. 2022, section 3.2), with
/// Lambda = decay + i frequency and dt = exp(scale). The kernels know them by their numbers.
/// </remarks>
internal enum DiagonalForm
{
    /// <summary>lambda = exp(-exp(decay) + i exp(frequency)), f = exp(scale): the linear recurrent unit.</summary>
    LogPolar = 0,

    /// <summary>lambda = decay + i frequency, f = 1.</summary>
    Cartesian = 1,

    /// <summary>lambda = exp(-decay + i frequency), f = 1.</summary>
    Polar = 2,

    /// <summary>lambda = exp(-exp(decay) + i frequency), f = 1.</summary>
    Stable = 3,

    /// <summary>lambda = exp(dt Lambda), f = (lambda - 1) / Lambda: the input is held from step to step.</summary>
    ZeroOrderHold = 4,

    /// <summary>lambda = (1 + dt Lambda / 2) / (1 - dt Lambda / 2), f = dt / (1 - dt Lambda / 2).</summary>
    Bilinear = 5,
}

/// <summary>What forms have in common.</summary>
internal static class DiagonalForms
{
    /// <summary>Whether the form is a continuous system that is sampled; then f is complex.</summary>
    public static bool IsSampled(this DiagonalForm form) =>
        form is DiagonalForm.ZeroOrderHold or DiagonalForm.Bilinear;

    /// <summary>
    /// The factor of C: 2 where each state stands for a conjugate pair, the real part of whose outputs' sum is twice that of one.
    /// </summary>
    public static float OutputFactor(this DiagonalForm form) => form.IsSampled() ? 2f : 1f;

    /// <summary>Whether there is a scale.</summary>
    public static bool HasScale(this DiagonalForm form) =>
        form switch
        {
            DiagonalForm.LogPolar or DiagonalForm.ZeroOrderHold or DiagonalForm.Bilinear => true,
            DiagonalForm.Cartesian or DiagonalForm.Polar or DiagonalForm.Stable => false,
            _ => throw new UnreachableException($"no form {form}"),
        };
}
