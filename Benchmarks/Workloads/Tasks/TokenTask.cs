using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Pieces of a text that begin anywhere: to train on in its first part, held out in its second.</summary>
/// <param name="entry">The task.</param>
/// <param name="data">The text.</param>
/// <param name="length">T.</param>
internal sealed class TokenTask(LanguageEntry entry, LanguageData data, int length) : SequenceTask
{
    private readonly Lazy<double> _baseline = new(() => Unigrams(data));

    /// <summary>Whether the output layer has the weights of the embedding.</summary>
    public bool IsTied => entry.IsTied;

    public override string Name => entry.Name;

    public override string Metric => entry.Metric;

    public override int Length => length;

    public override int InputSize => 1;

    public override int OutputSize => data.Vocabulary.Count;

    public override int? InputClasses => data.Vocabulary.Count;

    public override int? TargetClasses => data.Vocabulary.Count;

    public override bool OneOutput => false;

    public override bool CanPrepareAhead => true;

    /// <summary>Of who knows how often each comes, and nothing of those before it.</summary>
    public override double? Baseline => _baseline.Value;

    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
    {
        ReadOnlySpan<int> part = (random.Seed == HeldOutStream ? data.Valid : data.Train).Span;
        TokenSet.Fill(batch, b, part.Slice(random.Next(part.Length - length), length + 1));
    }

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Name} of '{Printable.Shortened(data.Path)}', {Amount.Of(data.Vocabulary.Count, data.Unit)}, T={length}"
        );

    // Each was seen once more than it was, so that none is impossible.
    private static double Unigrams(LanguageData data)
    {
        var counts = new long[data.Vocabulary.Count];
        Array.Fill(counts, 1);
        foreach (int token in data.Train.Span)
            counts[token]++;
        double all = counts.Sum();
        double sum = 0;
        foreach (int token in data.Valid.Span)
            sum -= Math.Log(counts[token] / all);
        return sum / data.Valid.Length;
    }
}
