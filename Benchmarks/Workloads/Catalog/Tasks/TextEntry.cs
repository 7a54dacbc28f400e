using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// A language model of characters: each is foretold from those before it in its sequence, in a text that the user has. See
/// <see cref="TextData"/>.
/// </summary>
/// <remarks>
/// Inputs are class numbers, and a model begins with an <see cref="Embedding"/>: that is one float a step to copy to the device
/// where one-hot vectors were 256, and the product with them would read a row of the weights anyway.
/// </remarks>
internal sealed class TextEntry : TaskEntry
{
    public const string Key = "text";

    public override string Name => Key;

    public override int Order => 7;

    /// <summary>Nats a character.</summary>
    public override string Metric => "cross-entropy";

    public override ModelEnds Ends =>
        new(1, TextData.Characters, OneOutput: false, Classes: TextData.Characters);

    public override IReadOnlyList<DataFile> Files { get; } =
    [
        new(null, "a text of your own; each byte is a character"),
    ];

    /// <summary>Yes: a character is foretold.</summary>
    public override bool NeedsCausal => true;

    public override TaskData Load(string path) => TextData.Load(OnlyFile(path));

    public override void RequireFit(int length, TaskData? data)
    {
        base.RequireFit(length, data);
        Of(data).RequireSequences(length);
    }

    public override SequenceTask CreateStream(int length, TaskData? data = null)
    {
        RequireFit(length, data);
        return new TextStream(Of(data), length);
    }

    public override TaskSets CreateSets(int length, int sequences, ulong seed, TaskData? data)
    {
        RequireFit(length, data);
        TextData text = Of(data);
        return new TaskSets(
            TextData.Cut("train", text.Train, length),
            TextData.Cut("valid", text.Valid, length),
            TextData.Cut("test", text.Test, length)
        );
    }

    private static TextData Of(TaskData? data) =>
        data as TextData
        ?? throw new ArgumentException(
            $"The task {Key} needs a text, not {data?.GetType().Name ?? "nothing"}.",
            nameof(data)
        );

    /// <summary>Sequences that begin anywhere in the text: to train on in its first part, held out in its second.</summary>
    private sealed class TextStream(TextData text, int length) : SequenceTask
    {
        private readonly Lazy<double> _baseline = new(() => Unigrams(text));

        public override string Name => Key;

        public override string Metric => "cross-entropy";

        public override int Length => length;

        public override int InputSize => 1;

        public override int OutputSize => TextData.Characters;

        public override int? InputClasses => TextData.Characters;

        public override int? TargetClasses => TextData.Characters;

        public override bool OneOutput => false;

        /// <summary>Of who knows how often each character comes, and nothing of those before it.</summary>
        public override double? Baseline => _baseline.Value;

        public override bool CanPrepareAhead => true;

        public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

        protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
        {
            ReadOnlySpan<byte> part = (random.Seed == HeldOutStream ? text.Valid : text.Train).Span;
            ReadOnlySpan<byte> cut = part.Slice(random.Next(part.Length - length), length + 1);
            for (int t = 0; t < length; t++)
            {
                batch.Input(t, b)[0] = cut[t];
                batch.Target(t, b)[0] = cut[t + 1];
            }
        }

        public override string ToString() =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"text '{Printable.Shortened(text.Path)}', T={length}"
            );

        // Each character was seen once more than it was, so that none is impossible.
        private static double Unigrams(TextData text)
        {
            var counts = new long[TextData.Characters];
            Array.Fill(counts, 1);
            foreach (byte character in text.Train.Span)
                counts[character]++;
            double all = counts.Sum();
            double sum = 0;
            foreach (byte character in text.Valid.Span)
                sum -= Math.Log(counts[character] / all);
            return sum / text.Valid.Length;
        }
    }
}
