using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// ListOps as the Long Range Arena publishes it: three files of lines, an expression, a tab and its value. Their parentheses are no
/// tokens. Every value is held against the expression's.
/// </summary>
public sealed class ListOpsData : TaskData
{
    private const string Source =
        "the Long Range Arena, github.com/google-research/long-range-arena, folder listops-1000 of lra_release.gz (7.7 GB)";

    private const int LongestLine = 1 << 20;
    private const int LongestWord = 40;

    private static readonly byte[] Header = "Source\tTarget"u8.ToArray();
    private static readonly byte[] Mark = [0xEF, 0xBB, 0xBF];

    private ListOpsData(string path, ListOpsStore store, int[] ends)
        : base(path)
    {
        Train = new ListOpsSet("train", store, 0, ends[0]);
        Valid = new ListOpsSet("valid", store, ends[0], ends[1] - ends[0]);
        Test = new ListOpsSet("test", store, ends[1], ends[2] - ends[1]);
    }

    /// <summary>The three files; as published they have 96,000, 2,000 and 2,000 expressions.</summary>
    public static IReadOnlyList<DataFile> Files { get; } =
    [new("basic_train.tsv", Source), new("basic_val.tsv", Source), new("basic_test.tsv", Source)];

    /// <summary>Expressions to train on.</summary>
    public ListOpsSet Train { get; }

    /// <summary>Expressions by which the best epoch is chosen.</summary>
    public ListOpsSet Valid { get; }

    /// <summary>Expressions that the result is measured on.</summary>
    public ListOpsSet Test { get; }

    internal TaskSets Sets => new(Train, Valid, Test);

    /// <summary>16 hexadecimal digits that expressions and values decide, and not how they are written.</summary>
    private protected override string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ListOpsSet set in (ListOpsSet[])[Train, Valid, Test])
        {
            set.AppendTo(hash);
            hash.AppendData([ListOps.Padding, ListOps.Padding]);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    /// <summary>Reads the files.</summary>
    /// <param name="folder">Where they are.</param>
    /// <exception cref="TaskDataException">
    /// Files are missing, empty or damaged, or have other tokens or values; the message says which, where, and what is allowed.
    /// </exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static ListOpsData Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var store = new ListOpsStore();
        int[] ends = [.. DataFile.FindAll(Files, folder).Select(path => Read(path, store))];
        return new ListOpsData(folder, store, ends);
    }

    /// <summary>Whether no expression has more tokens than a sequence may have steps.</summary>
    /// <param name="length">T.</param>
    /// <exception cref="TaskDataException">One has.</exception>
    public void RequireAtMost(int length)
    {
        foreach (ListOpsSet set in (ListOpsSet[])[Train, Valid, Test])
        {
            if (set.Longest > length)
                throw new TaskDataException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"'{Path}', set {set.Name}: an expression has {Amount.Of(set.Longest, "token")}; with T = {length} at most {length} are allowed."
                    )
                );
        }
    }

    // Returns how many expressions the store has then.
    private static int Read(string path, ListOpsStore store)
    {
        using var lines = new LineReader(path, LongestLine);
        if (!lines.Next(out ReadOnlySpan<byte> header))
            throw new TaskDataException(
                $"'{path}' is empty; its first line must be '{Text(Header)}'."
            );
        if (header.StartsWith(Mark))
            header = header[Mark.Length..];
        if (!header.SequenceEqual(Header))
            throw Wrong(
                path,
                lines,
                $"the first line must be '{Text(Header)}', not '{Text(header)}'"
            );
        int before = store.Count;
        byte[] tokens = new byte[LongestLine];
        while (lines.Next(out ReadOnlySpan<byte> line))
        {
            int tab = line.IndexOf((byte)'\t');
            if (tab < 0)
                throw Wrong(
                    path,
                    lines,
                    $"it must have an expression, a tab and the expression's value; there is no tab in '{Text(line)}'"
                );
            ReadOnlySpan<byte> target = line[(tab + 1)..];
            if (target is not [>= (byte)'0' and <= (byte)'9'])
                throw Wrong(path, lines, $"the value must be 0 to 9, not '{Text(target)}'");
            int count = Split(line[..tab], tokens, path, lines);
            int value = target[0] - '0';
            int? found = ListOps.Evaluate(tokens.AsSpan(0, count));
            if (found != value)
                throw Wrong(
                    path,
                    lines,
                    found is null
                        ? $"'{Text(line[..tab])}' is no expression: an operator with 2 to 10 arguments and ], or a digit, at most {ListOps.Deepest} deep"
                        : $"the expression's value is {found}, and the file says {value}"
                );
            store.Add(tokens.AsSpan(0, count), value);
        }
        return store.Count > before
            ? store.Count
            : throw new TaskDataException(
                $"'{path}' has no expressions: nothing follows its first line."
            );
    }

    private static int Split(
        ReadOnlySpan<byte> text,
        Span<byte> tokens,
        string path,
        LineReader lines
    )
    {
        int count = 0;
        foreach (Range range in text.Split((byte)' '))
        {
            ReadOnlySpan<byte> word = text[range];
            if (word is [] or [(byte)'('] or [(byte)')'])
                continue;
            tokens[count++] =
                TokenOf(word)
                ?? throw Wrong(
                    path,
                    lines,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"the token must be one of {string.Join(' ', ListOps.Words.Skip(1))}, or a parenthesis, not '{Text(word)}'"
                    ),
                    range.Start.Value + 1
                );
        }
        return count;
    }

    private static byte? TokenOf(ReadOnlySpan<byte> word)
    {
        if (word is [>= (byte)'0' and <= (byte)'9'])
            return (byte)(word[0] - '0' + 1);
        for (byte token = 1; token < ListOps.Tokens; token++)
        {
            if (Ascii.Equals(word, ListOps.Words[token]))
                return token;
        }
        return null;
    }

    private static TaskDataException Wrong(
        string path,
        LineReader lines,
        string what,
        int? at = null
    ) =>
        new(
            string.Create(
                CultureInfo.InvariantCulture,
                $"'{path}', line {lines.Number}{(at is null ? "" : $", byte {at}")}: {what}."
            )
        );

    // Of bytes that are none, UTF-8 shows marks.
    private static string Text(ReadOnlySpan<byte> bytes) =>
        Printable.Shortened(
            Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, 4 * LongestWord)]),
            LongestWord
        );
}
