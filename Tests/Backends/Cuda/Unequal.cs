using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Sequences of six and of four steps in turn, one of which can be made to have a target that is none.</summary>
/// <param name="count">How many there are.</param>
internal sealed class Unequal(int count) : Dataset
{
    /// <summary>The sequence whose target is wrong; null for none.</summary>
    public long? Wrong { get; set; }

    public override string Name => "unequal";
    public override int? Count => count;
    public override int InputSize => 2;
    public override int OutputSize => 1;
    public override int TargetSize => 1;
    public override bool OneOutput => false;
    public override string Metric => "nll";

    public override Loss CreateLoss(Plan plan) => new BinaryCrossEntropy(plan);

    public override int LengthOf(long sequence) => sequence % 2 == 0 ? 6 : 4;

    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        var draw = new Draw((ulong)sequence);
        for (int t = 0; t < LengthOf(sequence); t++)
        {
            draw.Uniform(2).CopyTo(batch.Input(t, b));
            batch.Target(t, b).Fill(sequence == Wrong ? 2 : (sequence + t) % 2);
        }
    }
}
