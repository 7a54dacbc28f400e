using System.Globalization;
using System.Security.Cryptography;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// A text in which each character is to be foretold from those before it. A character is a byte: there are 256, whatever the file,
/// so a model does not depend on it, and no byte is invalid. Of UTF-8, what ASCII has is one character, and everything else two to
/// four in a row. The first 90% of the file are to train on, the next 5% to validate, the last 5% to test.
/// </summary>
public sealed class TextData : TaskData
{
    /// <summary>Characters that there are.</summary>
    public const int Characters = 256;

    private readonly byte[] _text;

    private TextData(string path, byte[] text)
        : base(path)
    {
        _text = text;
        int train = (int)(text.Length * 9L / 10);
        int valid = (text.Length - train) / 2;
        Train = text.AsMemory(0, train);
        Valid = text.AsMemory(train, valid);
        Test = text.AsMemory(train + valid);
    }

    /// <summary>What is trained on.</summary>
    public ReadOnlyMemory<byte> Train { get; }

    /// <summary>What the best epoch is chosen by, and what train measures.</summary>
    public ReadOnlyMemory<byte> Valid { get; }

    /// <summary>What the result of a reproduction is measured on.</summary>
    public ReadOnlyMemory<byte> Test { get; }

    /// <summary>Reads a text.</summary>
    /// <param name="path">A file of any bytes.</param>
    /// <exception cref="TaskDataException">It is empty.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read, or has 2 GiB or more.</exception>
    public static TextData Load(string path)
    {
        byte[] text = File.ReadAllBytes(path);
        return text.Length > 0
            ? new TextData(path, text)
            : throw new TaskDataException($"'{path}' is empty: there is no text to learn.");
    }

    /// <inheritdoc/>
    public override string Fingerprint() =>
        Convert.ToHexStringLower(SHA256.HashData(_text).AsSpan(0, 8));

    /// <summary>Whether each part has a sequence of so many steps, and the character after it.</summary>
    /// <param name="length">T, at least 1.</param>
    /// <exception cref="TaskDataException">One has not.</exception>
    public void RequireSequences(int length)
    {
        // The validation is the shortest part.
        if (Valid.Length > length)
            return;
        throw new TaskDataException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"'{Path}' is too short for sequences of {Amount.Of(length, "step")}: it has {Amount.Of(_text.Length, "byte")}, of which the {Valid.Length} to validate must be at least {length + 1L}"
            )
        );
    }

    /// <summary>A part cut into sequences of so many steps, one behind the other; what is left at its end is not used.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="part">Longer than <paramref name="length"/>.</param>
    /// <param name="length">T, at least 1.</param>
    public static Dataset Cut(string name, ReadOnlyMemory<byte> part, int length) =>
        new Pieces(name, part, length);

    private sealed class Pieces(string name, ReadOnlyMemory<byte> text, int length) : Dataset
    {
        public override string Name => name;

        // The last one needs a character after it.
        public override int? Count => (text.Length - 1) / length;

        public override int InputSize => 1;

        public override int? InputClasses => Characters;

        public override int OutputSize => Characters;

        public override int TargetSize => 1;

        public override int? TargetClasses => Characters;

        public override bool OneOutput => false;

        public override string Metric => "cross-entropy";

        public override bool CanPrepareAhead => true;

        public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

        public override int LengthOf(long sequence) => length;

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            ReadOnlySpan<byte> cut = text.Span.Slice((int)sequence * length, length + 1);
            for (int t = 0; t < length; t++)
            {
                batch.Input(t, b)[0] = cut[t];
                batch.Target(t, b)[0] = cut[t + 1];
            }
        }
    }
}
