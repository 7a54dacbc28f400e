using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// A text as numbers, each of which is to be foretold from those before it: those of characters (<see cref="LoadCharacters"/>) or of words
/// (<see cref="LoadWords"/>), by a vocabulary that is made of the part that is trained on.
/// </summary>
public sealed class LanguageData : TaskData
{
    /// <summary>The word that stands for those which the vocabulary has not.</summary>
    public const string Unknown = "<unk>";

    /// <summary>The word at the end of each line.</summary>
    public const string EndOfLine = "<eos>";

    internal LanguageData(
        string path,
        string unit,
        IReadOnlyList<string> vocabulary,
        IReadOnlyList<int[]> parts
    )
        : base(path)
    {
        Unit = unit;
        Vocabulary = vocabulary;
        (Train, Valid, Test) = (parts[0], parts[1], parts[2]);
    }

    /// <summary>What a number stands for: character or word.</summary>
    public string Unit { get; }

    /// <summary>The characters or words, by their numbers.</summary>
    public IReadOnlyList<string> Vocabulary { get; }

    /// <summary>What is trained on.</summary>
    public ReadOnlyMemory<int> Train { get; }

    /// <summary>What the best epoch is chosen by, and what train measures.</summary>
    public ReadOnlyMemory<int> Valid { get; }

    /// <summary>What the result of a reproduction is measured on.</summary>
    public ReadOnlyMemory<int> Test { get; }

    private IEnumerable<(string Name, ReadOnlyMemory<int> Text)> Parts =>
        TextParts.Parts.Zip([Train, Valid, Test]);

    /// <summary>
    /// Reads a text in UTF-8 as characters, Unicode's code points. The vocabulary are those of the part to train on, in their order; where
    /// the other parts have others, these share one number more, the last, which is never trained on.
    /// </summary>
    /// <param name="path">
    /// A file, divided into 90%, 5% and 5%; or a folder with train.txt, valid.txt and test.txt, with Penn Treebank's words (ptb.train.txt
    /// and so on, of which each line's end is read as the five characters &lt;eos&gt;, as by Bai et al. 2018), or with its characters
    /// (ptb.char.train.txt and so on, whose spaces only divide them).
    /// </param>
    /// <exception cref="TaskDataException">It is empty, no UTF-8, or a folder that lacks a part.</exception>
    /// <exception cref="IOException">A file is not there or cannot be read.</exception>
    public static LanguageData LoadCharacters(string path) => CharacterText.Load(path);

    /// <summary>
    /// Reads a text in UTF-8 as words, which white space divides; each line ends with the word &lt;eos&gt;. The vocabulary are the words of
    /// the part to train on, those that come more often first, of equally many the one that comes first; words that only other parts have
    /// are &lt;unk&gt;, which is the last number if the part to train on has it not itself.
    /// </summary>
    /// <param name="path">
    /// A file, divided into 90%, 5% and 5% of its words; or a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt, with
    /// wiki.train.tokens and so on, or with train.txt, valid.txt and test.txt.
    /// </param>
    /// <exception cref="TaskDataException">It is empty, no UTF-8, or a folder that lacks a part.</exception>
    /// <exception cref="IOException">A file is not there or cannot be read.</exception>
    public static LanguageData LoadWords(string path) => WordText.Load(path);

    /// <summary>
    /// The same text with at most so many words; the rarer ones are &lt;unk&gt;. Characters stay as they are, and there may not be more.
    /// </summary>
    /// <param name="most">The largest vocabulary, at least 2.</param>
    /// <exception cref="TaskDataException">There are more characters.</exception>
    public LanguageData Limited(int most)
    {
        if (Vocabulary.Count <= most)
            return this;
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 2);
        if (Unit != WordText.Unit)
            throw new TaskDataException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{Path}' has {Vocabulary.Count} characters, its vocabulary, and the model at most {most}."
                )
            );
        // They are in the order of how often they come, so the first ones stay; and one number is that of all others.
        int unknown = ((List<string>)[.. Vocabulary]).IndexOf(Unknown);
        int kept = unknown >= 0 && unknown < most ? most : most - 1;
        int rest = kept == most ? unknown : kept;
        return new LanguageData(
            Path,
            Unit,
            [.. Vocabulary.Take(kept), .. kept == most ? Array.Empty<string>() : [Unknown]],
            [
                .. Parts.Select(part =>
                    Array.ConvertAll(part.Text.ToArray(), word => word < kept ? word : rest)
                ),
            ]
        );
    }

    /// <summary>Whether each part has a sequence of so many steps, and what follows it.</summary>
    /// <param name="length">T, at least 1.</param>
    /// <exception cref="TaskDataException">One has not.</exception>
    public void RequireSequences(int length)
    {
        foreach ((string name, ReadOnlyMemory<int> text) in Parts)
        {
            if (text.Length > length)
                continue;
            throw new TaskDataException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{Path}' is too short for sequences of {Amount.Of(length, "step")}: its part {name} has {Amount.Of(text.Length, Unit)}, and {length + 1L} are needed"
                )
            );
        }
    }

    /// <summary>
    /// A part in windows that begin one behind the other, the last so much earlier that it ends with the text. Of a window the first steps
    /// may be context alone, which is in the window before as well: each target counts in one window, and the first window counts whole.
    /// </summary>
    /// <param name="name">What messages call it: train, valid or test.</param>
    /// <param name="part">Longer than <paramref name="length"/>.</param>
    /// <param name="length">T, at least 1.</param>
    /// <param name="context">Steps whose targets count in the window before, 0 to T - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is too short, or a number is out of range.</exception>
    public Dataset Windows(string name, ReadOnlyMemory<int> part, int length, int context = 0) =>
        new TokenWindows(name, part, Vocabulary.Count, length, context);

    /// <summary>A part in windows that follow each other, for states that are carried (<see cref="TrainingOptions.Carry"/>).</summary>
    /// <param name="name">What messages call it: train, valid or test.</param>
    /// <param name="part">At least 2 long.</param>
    /// <param name="length">T, at least 1; the last window may be shorter.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is too short, or the length below 1.</exception>
    public Dataset Continuous(string name, ReadOnlyMemory<int> part, int length) =>
        new TokenSequence(name, part, Vocabulary.Count, length);

    /// <summary>16 hexadecimal digits that the parts and the vocabulary decide.</summary>
    private protected override string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append([Vocabulary.Count]);
        foreach (string entry in Vocabulary)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(entry);
            Append([bytes.Length]);
            hash.AppendData(bytes);
        }
        foreach ((_, ReadOnlyMemory<int> text) in Parts)
        {
            Append([text.Length]);
            Append(text.Span);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));

        // All machines that .NET 10 runs on have the low byte first.
        void Append(ReadOnlySpan<int> values) => hash.AppendData(MemoryMarshal.AsBytes(values));
    }
}
