namespace Sequor.Layers.Cuda;

/// <summary>How far results of the same operation may lie apart that were rounded in different places.</summary>
internal static class TuningBounds
{
    // Half a unit in the last place of 24 bits, and of the 11 that TF32 keeps.
    private const double Single = 1.0 / (1 << 24);
    private const double Tf32 = 1.0 / (1 << 11);

    // Room for the layers and steps that an error goes through, and for exponentials of other accuracy. What is wrong, or lacks a
    // term that matters, is far above: a candidate that is rejected for its roundings costs a run its speed.
    private const double Room = 256;
    private const double RoomTf32 = 64;

    /// <summary>
    /// A part of the largest value: errors of independent roundings grow with the root of the number of terms. Factors that are
    /// rounded to TF32 have errors that do not grow with the sum.
    /// </summary>
    /// <param name="math">The arithmetic.</param>
    /// <param name="terms">Terms of a sum.</param>
    public static double Of(FloatMath math, long terms) =>
        Single * Room * Math.Sqrt(terms) + (math == FloatMath.Tf32 ? Tf32 * RoomTf32 : 0);
}
