namespace Sequor.Reference;

/// <summary>Parameters of a linear recurrent unit: d channels outside, N complex states inside.</summary>
/// <param name="Channels">d</param>
/// <param name="States">N</param>
/// <param name="Nu">[N], |lambda| = exp(-exp(nu))</param>
/// <param name="Theta">[N], the phase of lambda is exp(theta)</param>
/// <param name="GammaLog">[N], logarithm of the input's scale</param>
/// <param name="BRe">[N, d]</param>
/// <param name="BIm">[N, d]</param>
/// <param name="CRe">[d, N]</param>
/// <param name="CIm">[d, N]</param>
/// <param name="D">[d]</param>
public sealed record LruParameters(
    int Channels,
    int States,
    double[] Nu,
    double[] Theta,
    double[] GammaLog,
    double[] BRe,
    double[] BIm,
    double[] CRe,
    double[] CIm,
    double[] D,
    int Directions = 1
);
