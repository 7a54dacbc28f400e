namespace Sequor.Tests.Support;

/// <summary>
/// How far two float32 computations of the same thing may be apart where they sum in different orders, as a fraction of the largest
/// value: what the tests that compare GPU and CPU allow.
/// </summary>
/// <remarks>
/// A sum of K terms of either sign grows as a random walk, to about sqrt(K) terms, and so does the sum of its K roundings, each of
/// which is up to <see cref="Unit"/> of what was summed by then: relative to the largest of many such sums the error goes as
/// sqrt(K) units (Higham and Mary 2019, "A new approach to probabilistic rounding error analysis", whose bound has sqrt(K) in
/// place of the K of the worst case). <see cref="Margin"/> is for both sides' errors, for the largest of the up to a million values
/// that are compared, and for libraries that sum in parts. An error of the program, such as a term that is missing, is of the size of
/// a term, 1/sqrt(K): above all bounds here.
/// </remarks>
internal static class Rounding
{
    /// <summary>Half the distance of 1 to the next float: the most that rounding changes a value by, relative to it.</summary>
    public const double Unit = 1.0 / (1 << 24);

    private const double Margin = 12;

    // exp and tanh of CUDA's own library are off by up to two units in the last place; gates take two of them, after each other.
    private const double Function = 8;

    /// <summary>A sum of so many terms.</summary>
    public static double Sum(long terms) => Margin * Unit * Math.Sqrt(terms);

    /// <summary>
    /// Outputs, states and gradients of a recurrent net. A step sums over its inputs and states and takes functions of that; each
    /// layer works on what the one before was off by; gradients of parameters are sums over all steps of all sequences besides, and
    /// what a step is off by decays while states are contracted, as they are with weights as large as those that nets begin with.
    /// </summary>
    /// <param name="width">The most that a step sums over: inputs and states of a layer.</param>
    /// <param name="rows">Steps of all sequences.</param>
    /// <param name="layers">Layers, one above the other.</param>
    public static double Recurrent(int width, long rows, int layers = 1) =>
        layers * (Sum(width) + Sum(rows) + Margin * Function * Unit);

    /// <summary>Steps after which two runs of training are still near.</summary>
    public const int NearSteps = 10;

    // What two runs are apart training multiplies: from the first to the fiftieth step by up to 300, as was seen of an LSTM and an
    // LRU (docs/determinism.md), and by more where a card rounds otherwise.
    private const double Wide = 2e-3;

    /// <summary>
    /// A loss in training, relative to it. Each of the first steps adds its own rounding to the parameters, which the next one has;
    /// an error in a formula is there from the first on, or grows out of all bounds.
    /// </summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="oneStep">What a step alone may be off by.</param>
    public static double Loss(int step, double oneStep) => step < NearSteps ? 2 * oneStep : Wide;
}
