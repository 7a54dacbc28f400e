namespace Sequor.Layers.Cuda;

/// <summary>How far results of the same operation may lie apart that were rounded in different places.</summary>
internal static class TuningBounds
{
    // Half a unit in the last place of 24 bits, and of the 11 that TF32 keeps.
    private const double Single = 1.0 / (1 << 24);
    private const double Tf32 = 1.0 / (1 << 11);

    // Room for the layers and steps that an error goes through; a wrong or a missing term is far above.
    private const double Room = 64;
    private const double MostTf32 = 0.125;

    /// <summary>
    /// A part of the largest value: errors of independent roundings grow with the root of the number of terms. Factors that are
    /// rounded to TF32 have errors that do not grow with the sum.
    /// </summary>
    /// <param name="math">The arithmetic.</param>
    /// <param name="terms">Terms of a sum.</param>
    public static double Of(FloatMath math, long terms) =>
        Single * Room * Math.Sqrt(terms) + (math == FloatMath.Tf32 ? Math.Min(Tf32 * Room, MostTf32) : 0);
}
