using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The sequences of finite sets in a random order without end, all as long as the longest: shorter ones end in zeros. It is for measuring
/// steps; what is trained are the sets themselves.
/// </summary>
/// <param name="name">The task's name.</param>
/// <param name="train">The set of all streams but that of held-out sequences.</param>
/// <param name="heldOut">The set of that one, of the same sizes.</param>
internal sealed class SetStream(string name, Dataset train, Dataset heldOut) : SequenceTask
{
    public override string Name => name;

    public override string Metric => train.Metric;

    public override int Length { get; } = Math.Max(train.Longest, heldOut.Longest);

    public override int InputSize => train.InputSize;

    public override int OutputSize => train.OutputSize;

    public override int TargetSize => train.TargetSize;

    public override int? InputClasses => train.InputClasses;

    public override int? TargetClasses => train.TargetClasses;

    public override int? IgnoredClass => train.IgnoredClass;

    public override bool OneOutput => train.OneOutput;

    public override double? Baseline => train.Baseline;

    public override bool CanPrepareAhead => train.CanPrepareAhead && heldOut.CanPrepareAhead;

    public override Loss CreateLoss(Plan plan) => train.CreateLoss(plan);

    protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
    {
        Dataset set = random.Seed == HeldOutStream ? heldOut : train;
        set.Fill(batch, b, random.Next(set.Count!.Value));
    }

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{name}, {Amount.Of(train.Count!.Value, "sequence")} of up to {Amount.Of(Length, "step")}"
        );
}
