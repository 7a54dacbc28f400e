using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The adding problem: two channels, uniform numbers in [0, 1) and a mask with two ones; the target is the sum of the two
/// marked numbers. Always answering 1 has a mean squared error of 0.1667.
/// </summary>
/// <remarks>Source: Hochreiter and Schmidhuber (1997), in the form of Bai et al. (2018).</remarks>
public sealed class AddingProblem : SequenceTask
{
    /// <summary>Steps of the shortest sequences: two are marked.</summary>
    public const int LeastLength = 2;

    /// <summary>The problem for sequences of a length.</summary>
    /// <param name="length">Steps, at least 2.</param>
    public AddingProblem(int length)
    {
        if (length < LeastLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length),
                length,
                "The adding problem needs a length of at least 2: two steps are marked."
            );
        }
        Length = length;
    }

    /// <inheritdoc/>
    public override string Name => AddingEntry.Key;

    /// <inheritdoc/>
    public override string Metric => "mse";

    /// <inheritdoc/>
    public override int Length { get; }

    /// <inheritdoc/>
    public override int InputSize => 2;

    /// <inheritdoc/>
    public override int OutputSize => 1;

    /// <inheritdoc/>
    public override bool OneOutput => true;

    /// <summary>The variance of the sum of two uniform numbers.</summary>
    public override double? Baseline => 1.0 / 6;

    /// <inheritdoc/>
    public override bool CanPrepareAhead => true;

    /// <inheritdoc/>
    public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);

    /// <inheritdoc/>
    protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
    {
        int first = random.Next(Length);
        int second = random.Next(Length - 1);
        if (second >= first)
            second++;
        for (int t = 0; t < Length; t++)
        {
            Span<float> input = batch.Input(t, b);
            input[0] = random.NextFloat();
            input[1] = t == first || t == second ? 1f : 0f;
        }
        batch.Target(0, b)[0] = batch.Input(first, b)[0] + batch.Input(second, b)[0];
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"adding problem, T={Length}");
}
