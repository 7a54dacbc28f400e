using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Pieces of a text that begin anywhere: to train on in its first part, held out in its second.</summary>
/// <param name="entry">The task.</param>
/// <param name="data">The text.</param>
/// <param name="length">T.</param>
/// <param name="context">Steps at the beginning of a piece that do not count, 0 to T - 1.</param>
internal sealed class TokenTask(LanguageEntry entry, LanguageData data, int length, int context = 0)
    : SequenceTask
{
    private readonly Lazy<double> _baseline = new(() => Unigrams(data));
    private readonly int _context =
        context >= 0 && context < length
            ? context
            : throw new ArgumentOutOfRangeException(
                nameof(context),
                context,
                $"The context must be at least 0 and below the {Amount.Of(length, "step")} of a window."
            );

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

    public override bool IsWeighted => _context > 0;

    public override bool CanPrepareAhead => true;

    /// <summary>Of who knows how often each comes, and nothing of those before it.</summary>
    public override double? Baseline => _baseline.Value;

    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
    {
        ReadOnlySpan<int> part = (random.Seed == HeldOutStream ? data.Valid : data.Train).Span;
        TokenSet.Fill(batch, b, part.Slice(random.Next(part.Length - length), length + 1));
        for (int t = 0; t < _context; t++)
            batch.Weight(t, b) = 0f;
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
