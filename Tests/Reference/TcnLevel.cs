namespace Sequor.Reference;

/// <summary>Parameters of one residual block of a TCN. Gated, each convolution has twice as many outputs as it says here.</summary>
/// <param name="Inputs">Channels of its input.</param>
/// <param name="Outputs">Channels of its output.</param>
/// <param name="Kernel">k, of both convolutions</param>
/// <param name="V1">[Outputs, Inputs, k], direction of the first convolution's weight</param>
/// <param name="G1">[Outputs], its length</param>
/// <param name="Bias1">[Outputs]</param>
/// <param name="V2">[Outputs, Outputs, k], direction of the second convolution's weight</param>
/// <param name="G2">[Outputs], its length</param>
/// <param name="Bias2">[Outputs]</param>
/// <param name="SkipWeight">[Outputs, Inputs], the 1x1 convolution on the skip; null where the skip is the identity</param>
/// <param name="SkipBias">[Outputs], null with SkipWeight</param>
public sealed record TcnLevel(
    int Inputs,
    int Outputs,
    int Kernel,
    double[] V1,
    double[] G1,
    double[] Bias1,
    double[] V2,
    double[] G2,
    double[] Bias2,
    double[]? SkipWeight = null,
    double[]? SkipBias = null
);
