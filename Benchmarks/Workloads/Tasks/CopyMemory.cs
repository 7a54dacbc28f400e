using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Copy memory with a delay of T: ten digits from 1 to 8, T - 1 zeros, eleven nines; the answer is zeros, then the ten
/// digits in the last ten steps. Ten classes; all T + 20 steps count. Guessing the digits blindly has a cross-entropy of
/// 10 ln 8 / (T + 20).
/// </summary>
/// <remarks>Source: Bai et al. (2018), section 4.</remarks>
public sealed class CopyMemory : SequenceTask
{
    private const int Digits = 10;
    private readonly int _delay;
    private readonly bool _digitsAlone;

    /// <summary>The task with a delay.</summary>
    /// <param name="delay">T, at least 1; sequences have T + 20 steps.</param>
    /// <param name="digitsAlone">Whether the last ten steps alone count, whose answers had to be remembered.</param>
    public CopyMemory(int delay, bool digitsAlone = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, 1);
        (_delay, _digitsAlone) = (delay, digitsAlone);
    }

    /// <inheritdoc/>
    public override string Name => CopyEntry.Key;

    /// <inheritdoc/>
    public override string Metric => "cross-entropy";

    /// <inheritdoc/>
    public override int Length => checked(_delay + 2 * Digits);

    /// <inheritdoc/>
    public override int InputSize => 1;

    /// <inheritdoc/>
    public override int OutputSize => 10;

    /// <inheritdoc/>
    public override int? TargetClasses => OutputSize;

    /// <inheritdoc/>
    public override bool OneOutput => false;

    /// <inheritdoc/>
    public override bool IsWeighted => _digitsAlone;

    /// <summary>Ten digits out of eight, spread over the steps that count.</summary>
    public override double? Baseline => _digitsAlone ? Math.Log(8) : Digits * Math.Log(8) / Length;

    /// <inheritdoc/>
    public override bool CanPrepareAhead => true;

    /// <inheritdoc/>
    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    /// <inheritdoc/>
    protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
    {
        for (int t = 0; t < Length; t++)
        {
            batch.Input(t, b)[0] = t >= _delay + Digits - 1 ? 9f : 0f;
            batch.Target(t, b)[0] = 0f;
            if (_digitsAlone)
                batch.Weight(t, b) = t >= _delay + Digits ? 1f : 0f;
        }
        for (int i = 0; i < Digits; i++)
        {
            int digit = 1 + random.Next(8);
            batch.Input(i, b)[0] = digit;
            batch.Target(_delay + Digits + i, b)[0] = digit;
        }
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"copy memory, T={_delay}");
}
