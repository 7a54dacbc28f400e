namespace Sequor.Reference;

/// <summary>Parameters of a residual block around a linear recurrent unit of d channels.</summary>
/// <param name="NormWeight">[d]</param>
/// <param name="NormBias">[d]</param>
/// <param name="Unit">The recurrence.</param>
/// <param name="OutWeight">[2d, d]: the rows of out1, then those of out2</param>
/// <param name="OutBias">[2d], likewise</param>
public sealed record LruBlockParameters(
    double[] NormWeight,
    double[] NormBias,
    LruParameters Unit,
    double[] OutWeight,
    double[] OutBias
);
