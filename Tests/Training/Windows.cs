using Sequor.Layers;

namespace Sequor.Tests.Training;

/// <summary>A text of classes in windows that follow each other, of which the last may be shorter.</summary>
internal sealed class Windows(string name, int[] text, int length, int classes) : Dataset
{
    public override string Name => name;
    public override int? Count => (text.Length - 1 + length - 1) / length;
    public override int InputSize => 1;
    public override int? InputClasses => classes;
    public override int OutputSize => classes;
    public override int TargetSize => 1;
    public override int? TargetClasses => classes;
    public override bool OneOutput => false;
    public override bool IsContinuous => true;
    public override string Metric => "cross-entropy";

    /// <summary>The windows that were filled, in their order.</summary>
    public List<long> Filled { get; } = [];

    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    public override int LengthOf(long sequence) =>
        (int)Math.Min(length, text.Length - 1 - (sequence * length));

    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        Filled.Add(sequence);
        for (int t = 0; t < LengthOf(sequence); t++)
        {
            batch.Input(t, b)[0] = text[(sequence * length) + t];
            batch.Target(t, b)[0] = text[(sequence * length) + t + 1];
        }
    }

    /// <summary>Classes at random, each of which says something about the one some steps later.</summary>
    public static int[] Text(int count, int classes, ulong seed)
    {
        var random = new Philox(seed, 3);
        int[] text = new int[count];
        for (int i = 0; i < count; i++)
            text[i] =
                i < 5 || random.Next(10) < 2 ? random.Next(classes) : (text[i - 5] + 1) % classes;
        return text;
    }
}
