using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Sequor.Tests.Mutations;

/// <summary>Damages files: the same seed gives the same damage.</summary>
/// <param name="corpus">Sound files, of which each damaged one is made.</param>
/// <param name="words">What the format is made of: put in, put in place of each other, and repeated.</param>
/// <param name="exchanges">
/// Half of the files are damaged by exchanging words alone: what is left of a strict language is then often still one.
/// </param>
internal sealed class Mutator(byte[][] corpus, string[] words, bool exchanges = false)
{
    private const int Largest = 1 << 17;

    private static readonly long[] Extremes =
    [
        0,
        1,
        -1,
        7,
        8,
        255,
        256,
        32767,
        32768,
        65535,
        65536,
        int.MaxValue,
        int.MinValue,
        1L << 31,
        uint.MaxValue,
        1L << 32,
        1L << 40,
        long.MaxValue / 8,
        long.MaxValue,
        long.MinValue,
    ];

    private static readonly string[] Numbers =
    [
        .. Extremes.Select(number => number.ToString(CultureInfo.InvariantCulture)),
        "18446744073709551615",
        "18446744073709551616",
        "0x7fffffffffffffff",
        "1e999",
        "-0.0",
        "1.5",
        "007",
        "99999999999999999999999999999999",
    ];

    /// <summary>A damaged file.</summary>
    public byte[] Make(int seed)
    {
        var random = new Random(seed);
        List<byte> bytes = [.. Pick(random, corpus)];
        if (exchanges && random.Next(2) == 0)
        {
            for (int exchange = random.Next(1, 3); exchange > 0; exchange--)
                Exchange(bytes, random);
            return [.. bytes];
        }
        for (int edit = random.Next(1, 4); edit > 0 && bytes.Count > 0; edit--)
            Edit(bytes, random);
        if (bytes.Count > Largest)
            bytes.RemoveRange(Largest, bytes.Count - Largest);
        return [.. bytes];
    }

    private void Edit(List<byte> bytes, Random random)
    {
        int at = random.Next(bytes.Count);
        int count = Math.Min(1 << random.Next(8), bytes.Count - at);
        switch (random.Next(12))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 3:
                bytes.RemoveRange(at, count);
                break;
            case 4:
                bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, count));
                break;
            case 5:
                byte[] other = Pick(random, corpus);
                int from = random.Next(other.Length);
                bytes.RemoveRange(at, bytes.Count - at);
                bytes.AddRange(other[from..]);
                break;
            case 6:
            case 7:
                SetNumber(bytes, at, random);
                break;
            case 8:
            case 9:
                ReplaceWord(bytes, at, random);
                break;
            case 10:
                bytes.InsertRange(at, Encoding.UTF8.GetBytes(Pick(random, words)));
                break;
            default:
                // Deep and long things, rarely very.
                int times = random.Next(8) == 0 ? 20_000 : random.Next(300);
                byte[] word = Encoding.UTF8.GetBytes(Pick(random, words));
                bytes.InsertRange(at, Enumerable.Repeat(word, times).SelectMany(b => b));
                break;
        }
    }

    // A length or an offset: of 1 to 8 bytes in either order, at its own width more often than not.
    private static void SetNumber(List<byte> bytes, int at, Random random)
    {
        int width = 1 << random.Next(4);
        at = random.Next(4) == 0 ? at : at / width * width;
        if (at + width > bytes.Count)
            return;
        long number = Pick(random, Extremes) + random.Next(-1, 2) * random.Next(2);
        Span<byte> value = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(value, number);
        value = value[..width];
        if (random.Next(2) == 0)
            value.Reverse();
        for (int i = 0; i < width; i++)
            bytes[at + i] = value[i];
    }

    // The number or word of a text that stands at or behind a place.
    private void ReplaceWord(List<byte> bytes, int at, Random random)
    {
        while (at < bytes.Count && !IsWord(bytes[at]))
            at++;
        int end = at;
        while (end < bytes.Count && end < at + 100 && IsWord(bytes[end]))
            end++;
        if (end == at)
            return;
        bool number = char.IsAsciiDigit((char)bytes[at]);
        string word = Pick(random, number || random.Next(4) == 0 ? Numbers : words);
        bytes.RemoveRange(at, end - at);
        bytes.InsertRange(at, Encoding.UTF8.GetBytes(word));
    }

    // A word becomes another of the file that begins as it does, or part of it one of what the format is made of.
    private void Exchange(List<byte> bytes, Random random)
    {
        (int at, int end) = WordAt(bytes, random.Next(bytes.Count));
        if (at == end)
            return;
        byte[] word = [.. bytes[at..end]];
        byte[]? other = null;
        for (int i = 0; i < 20 && other is null; i++)
        {
            (int from, int to) = WordAt(bytes, random.Next(bytes.Count));
            byte[] found = [.. bytes[from..to]];
            // Of the same kind, as %r1 and %r2 are, if there is one near.
            int same = word.AsSpan().CommonPrefixLength(found);
            if (same < word.Length && same >= (i < 15 ? 2 : 1))
                other = found;
        }
        if (random.Next(3) == 0 || other is null)
        {
            string[] parts = Encoding.ASCII.GetString(word).Split('.');
            parts[random.Next(parts.Length)] = Pick(random, words).Trim('.');
            other = Encoding.UTF8.GetBytes(string.Join('.', parts));
        }
        bytes.RemoveRange(at, word.Length);
        bytes.InsertRange(at, other);
    }

    private static (int At, int End) WordAt(List<byte> bytes, int at)
    {
        while (at > 0 && IsName(bytes[at]) && IsName(bytes[at - 1]))
            at--;
        while (at < bytes.Count && !IsName(bytes[at]))
            at++;
        int end = at;
        while (end < bytes.Count && end < at + 100 && IsName(bytes[end]))
            end++;
        return (at, end);
    }

    private static bool IsName(byte b) => IsWord(b) || b is (byte)'%' or (byte)'$';

    private static bool IsWord(byte b) =>
        char.IsAsciiLetterOrDigit((char)b) || b is (byte)'_' or (byte)'.';

    private static T Pick<T>(Random random, T[] from) => from[random.Next(from.Length)];
}
