using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What the sets of a text have in common: numbers in, the next one out.</summary>
/// <param name="name">What messages call it.</param>
/// <param name="text">The numbers.</param>
/// <param name="classes">Numbers that there are.</param>
/// <param name="outputs">Outputs of a model, at least as many.</param>
internal abstract class TokenSet(string name, ReadOnlyMemory<int> text, int classes, int outputs)
    : Dataset
{
    public override string Name => name;

    public override int InputSize => 1;

    public override int? InputClasses => classes;

    public override int OutputSize => outputs;

    public override int TargetSize => 1;

    public override int? TargetClasses => classes;

    public override bool OneOutput => false;

    public override string Metric => LanguageEntry.Loss;

    public override bool CanPrepareAhead => true;

    /// <summary>The steps of the whole text, each of which has a target.</summary>
    protected int Targets { get; } = text.Length - 1;

    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    protected void Fill(SequenceBatch batch, int b, int first, int steps) =>
        Fill(batch, b, text.Span.Slice(first, steps + 1));

    /// <summary>Writes a piece and what follows each of it.</summary>
    internal static void Fill(SequenceBatch batch, int b, ReadOnlySpan<int> piece)
    {
        for (int t = 0; t < piece.Length - 1; t++)
        {
            batch.Input(t, b)[0] = piece[t];
            batch.Target(t, b)[0] = piece[t + 1];
        }
    }
}

/// <summary>A text in windows of one length, of which the first steps may be context; see <see cref="LanguageData.Windows"/>.</summary>
internal sealed class TokenWindows : TokenSet
{
    private readonly int _length;
    private readonly int _stride;

    public TokenWindows(
        string name,
        ReadOnlyMemory<int> text,
        int classes,
        int length,
        int context,
        int? outputs = null
    )
        : base(name, text, classes, outputs ?? classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(length, text.Length);
        ArgumentOutOfRangeException.ThrowIfNegative(context);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(context, length);
        (_length, _stride) = (length, length - context);
        Count = 1 + (Targets - length + _stride - 1) / _stride;
        // Without context, and where the windows end with the text, all targets count in the only window that has them.
        IsWeighted = context > 0 || (Targets - length) % _stride != 0;
    }

    public override int? Count { get; }

    public override bool IsWeighted { get; }

    public override int LengthOf(long sequence) => _length;

    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        int first = FirstOf(sequence);
        Fill(batch, b, first, _length);
        if (sequence == 0 || !IsWeighted)
            return;
        int counted = FirstOf(sequence - 1) + _length;
        for (int t = 0; t < counted - first; t++)
            batch.Weight(t, b) = 0f;
    }

    private int FirstOf(long window) => (int)Math.Min(window * _stride, Targets - _length);
}

/// <summary>A text in windows that follow each other, of which the last may be shorter; see <see cref="LanguageData.Continuous"/>.</summary>
internal sealed class TokenSequence : TokenSet
{
    private readonly int _length;

    public TokenSequence(
        string name,
        ReadOnlyMemory<int> text,
        int classes,
        int length,
        int? outputs = null
    )
        : base(name, text, classes, outputs ?? classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(text.Length, 2, nameof(text));
        _length = length;
    }

    public override int? Count => (int)((Targets + (long)_length - 1) / _length);

    public override bool IsContinuous => true;

    public override int LengthOf(long sequence) =>
        (int)Math.Min(_length, Targets - (sequence * _length));

    public override void Fill(SequenceBatch batch, int b, long sequence) =>
        Fill(batch, b, (int)sequence * _length, LengthOf(sequence));
}
