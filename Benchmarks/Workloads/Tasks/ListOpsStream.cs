using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Expressions of <see cref="ListOps"/> without end, each ending at the last step: before it stands padding. It is for measuring steps,
/// whose sequences have one length; what is trained are sets, whose expressions are as long as they are.
/// </summary>
/// <param name="name">The task's name.</param>
/// <param name="length">T: the most tokens.</param>
/// <param name="data">What expressions are taken from in a random order; null where they are drawn.</param>
internal sealed class ListOpsStream(string name, int length, ListOpsData? data) : SequenceTask
{
    public override string Name => name;

    public override string Metric => "cross-entropy";

    public override int Length => length;

    public override int InputSize => 1;

    public override int OutputSize => ListOps.Values;

    public override int? InputClasses => ListOps.Tokens;

    public override int? TargetClasses => ListOps.Values;

    public override bool OneOutput => true;

    /// <summary>Of who guesses blindly.</summary>
    public override double? Baseline => Math.Log(ListOps.Values);

    public override bool CanPrepareAhead => true;

    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
    {
        byte[]? room = data is null ? ArrayPool.Rent(length) : null;
        try
        {
            ReadOnlySpan<byte> tokens;
            int value;
            if (room is not null)
            {
                tokens = room.AsSpan(
                    0,
                    ListOps.DrawLong(ref random, room.AsSpan(0, length), out value)
                );
            }
            else
            {
                ListOpsSet set = random.Seed == HeldOutStream ? data!.Valid : data!.Train;
                int expression = random.Next(set.Count!.Value);
                tokens = set.TokensOf(expression);
                value = set.ValueOf(expression);
            }
            int first = length - tokens.Length;
            for (int t = 0; t < tokens.Length; t++)
                batch.Input(first + t, b)[0] = tokens[t];
            batch.Target(0, b)[0] = value;
        }
        finally
        {
            if (room is not null)
                ArrayPool.Return(room);
        }
    }

    private static System.Buffers.ArrayPool<byte> ArrayPool =>
        System.Buffers.ArrayPool<byte>.Shared;

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{name}, T={length}");
}
