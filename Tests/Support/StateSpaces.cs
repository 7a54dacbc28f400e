using Sequor.Layers;
using Sequor.Reference;

namespace Sequor.Tests.Support;

/// <summary>The reference's parameters of state spaces.</summary>
internal static class StateSpaces
{
    /// <summary>Those of an S4D.</summary>
    /// <param name="layer">Gives sizes and options.</param>
    /// <param name="of">Gives the values of a parameter.</param>
    public static StateSpaceParameters Of(S4D layer, Func<string, double[]> of) =>
        new(
            layer.Options.Discretization == Discretization.Bilinear
                ? StateSpaceKind.Bilinear
                : StateSpaceKind.ZeroOrderHold,
            layer.InputSize,
            layer.StateSize,
            of("log_dt"),
            of("log_A_real"),
            of("A_imag"),
            of("C"),
            of("D"),
            layer.Options.Bidirectional ? 2 : 1
        );

    /// <summary>Those of a DSS.</summary>
    /// <param name="layer">Gives sizes and options.</param>
    /// <param name="of">Gives the values of a parameter.</param>
    public static StateSpaceParameters Of(Dss layer, Func<string, double[]> of)
    {
        bool softmax = layer.Options.Kernel == DssKernel.Softmax;
        return new(
            softmax ? StateSpaceKind.Softmax : StateSpaceKind.Exp,
            layer.InputSize,
            layer.StateSize,
            of("log_dt"),
            of(softmax ? "Lambda_re" : "Lambda_log_neg_re"),
            of("Lambda_im"),
            of("W"),
            of("D"),
            layer.Options.Bidirectional ? 2 : 1
        );
    }
}
