using Sequor.Layers;

namespace Sequor.Outside.Training;

/// <summary>
/// A stranger's finite set: points on a turning arm that grows, of differing lengths; two numbers a target, the next point, and
/// later steps weigh more.
/// </summary>
public sealed class Spirals(string name, int count) : Dataset
{
    public override string Name => name;

    public override int? Count => count;

    public override int InputSize => 2;

    public override int OutputSize => 2;

    public override int TargetSize => 2;

    public override bool OneOutput => false;

    public override bool IsWeighted => true;

    public override string Metric => "mse";

    public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);

    public override int LengthOf(long sequence) => 3 + (int)(sequence * 7 % 5);

    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        for (int t = 0; t < LengthOf(sequence); t++)
        {
            Point(sequence, t).CopyTo(batch.Input(t, b));
            Point(sequence, t + 1).CopyTo(batch.Target(t, b));
            batch.Weight(t, b) = t + 1;
        }
    }

    private static float[] Point(long sequence, int t)
    {
        float angle = sequence + (0.7f * t);
        float radius = 0.2f + (0.1f * t);
        return [radius * MathF.Cos(angle), radius * MathF.Sin(angle)];
    }
}
