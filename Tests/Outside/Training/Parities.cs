using Sequor.Layers;

namespace Sequor.Outside.Training;

/// <summary>
/// A stranger's endless set: bits as classes, in sequences of two lengths; the one target a sequence is the class of their
/// number modulo 3, but of those without a bit there is none.
/// </summary>
public sealed class Parities(int shorter, int longer) : Dataset
{
    private const int None = -100;

    public override string Name => "parities";

    public override int? Count => null;

    public override int InputSize => 1;

    public override int? InputClasses => 2;

    public override int OutputSize => 3;

    public override int TargetSize => 1;

    public override int? TargetClasses => 3;

    public override int? IgnoredClass => None;

    public override bool OneOutput => true;

    public override string Metric => "cross-entropy";

    public override double? Baseline => Math.Log(3);

    public override int Shortest => shorter;

    public override int Longest => longer;

    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan, None);

    public override int LengthOf(long sequence) => sequence % 2 == 0 ? longer : shorter;

    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        var random = new Philox(1, (ulong)sequence);
        int bits = 0;
        for (int t = 0; t < LengthOf(sequence); t++)
        {
            int bit = random.Next(2);
            bits += bit;
            batch.Input(t, b)[0] = bit;
        }
        batch.Target(0, b)[0] = bits == 0 ? None : bits % 3;
    }
}
