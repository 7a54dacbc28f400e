namespace Sequor.Reference;

/// <summary>How a state space's kernel is made.</summary>
public enum StateSpaceKind
{
    /// <summary>S4D by zero-order hold.</summary>
    ZeroOrderHold,

    /// <summary>S4D by the bilinear rule.</summary>
    Bilinear,

    /// <summary>DSS's exp.</summary>
    Exp,

    /// <summary>DSS's softmax.</summary>
    Softmax,
}

/// <summary>Parameters of H systems of N complex states.</summary>
/// <param name="Kind">How the kernel is made.</param>
/// <param name="Channels">H</param>
/// <param name="States">N</param>
/// <param name="LogStep">[H], or [H, 2] of DSS.</param>
/// <param name="Real">log(-Re L), of the softmax Re L: [H, N], of DSS [N].</param>
/// <param name="Imaginary">Im L, likewise.</param>
/// <param name="C">[directions, H, N, 2]</param>
/// <param name="D">[H]</param>
/// <param name="Directions">1 or 2</param>
public sealed record StateSpaceParameters(
    StateSpaceKind Kind,
    int Channels,
    int States,
    double[] LogStep,
    double[] Real,
    double[] Imaginary,
    double[] C,
    double[] D,
    int Directions = 1
);
