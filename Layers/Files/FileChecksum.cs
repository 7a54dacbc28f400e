using System.IO.Hashing;
using System.Text;

namespace Sequor.Layers;

/// <summary>
/// The checksum in a safetensors file of Sequor's own formats. It stands in the file's metadata under sequor.checksum and is 128 bits of
/// XXH3 over the header, with zeros in place of its own digits, and 128 bits over the values. So it covers every bit of the file, which
/// stays readable for every reader of the format.
/// </summary>
internal sealed class FileChecksum
{
    /// <summary>The checksum's name in the metadata.</summary>
    public const string Key = "sequor.checksum";

    private const string Kind = "xxh128 ";
    private const int Digits = 32;
    private const int HeaderAt = 7;
    private const int ValuesAt = HeaderAt + Digits + 1;
    private const int Size = ValuesAt + Digits;

    /// <summary>What stands in the header until the checksum is known: zeros for digits.</summary>
    public static readonly string Unknown =
        $"{Kind}{new string('0', Digits)} {new string('0', Digits)}";

    private readonly XxHash128 _values = new();

    /// <summary>Adds the next values to the checksum, as they lie in the file.</summary>
    public void Append(ReadOnlySpan<byte> values) => _values.Append(values);

    /// <summary>Puts the checksum of the header and of the values that were added into the header.</summary>
    /// <param name="header">The header with its length before it, and <see cref="Unknown"/> in its metadata.</param>
    /// <returns>The bytes that changed.</returns>
    public Range Seal(Span<byte> header)
    {
        int at = Find(header, Encoding.UTF8.GetBytes(Unknown));
        Span<byte> text = header.Slice(at, Size);
        Write(_values.GetCurrentHash(), text[ValuesAt..]);
        Write(XxHash128.Hash(header), text[HeaderAt..]);
        return at..(at + Size);
    }

    /// <summary>Says what is wrong with a header; null where it is as it was written.</summary>
    /// <param name="text">The checksum that was read from it.</param>
    /// <param name="header">The header with its length before it. The checksum's own digits are set to zero.</param>
    public static string? Differs(string text, Span<byte> header)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        // A program that rewrote the header may have added blanks or changed anything else.
        bool whole =
            text.Length == Size
            && bytes.Length == Size
            && text.StartsWith(Kind, StringComparison.Ordinal);
        int at = whole ? Find(header, bytes) : -1;
        if (at < 0)
            return $"'{Key}' is not where and as Sequor writes it";
        Span<byte> digits = header.Slice(at + HeaderAt, Digits);
        digits.Fill((byte)'0');
        Span<byte> found = stackalloc byte[Digits];
        Write(XxHash128.Hash(header), found);
        return found.SequenceEqual(bytes.AsSpan(HeaderAt, Digits))
            ? null
            : $"the header's checksum is {Encoding.ASCII.GetString(found)}, not the {text[HeaderAt..(ValuesAt - 1)]} that was written";
    }

    /// <summary>Says what is wrong with the values that were added; null where they are as they were written.</summary>
    /// <param name="text">The checksum that was read from a header which has been found to be as it was written.</param>
    public string? Differs(string text)
    {
        Span<byte> found = stackalloc byte[Digits];
        Write(_values.GetCurrentHash(), found);
        string there = Encoding.ASCII.GetString(found);
        return there == text[ValuesAt..]
            ? null
            : $"the values' checksum is {there}, not the {text[ValuesAt..]} that was written";
    }

    // Within a name or a text a quote has a backslash before it, so only the metadata's own entry can be found.
    private static int Find(ReadOnlySpan<byte> header, ReadOnlySpan<byte> text)
    {
        byte[] name = Encoding.UTF8.GetBytes($"\"{Key}\":\"");
        for (int from = 0; ; )
        {
            int at = header[from..].IndexOf(name);
            if (at < 0)
                return -1;
            from += at;
            int begin = from + name.Length;
            if (
                from > 0
                && header[from - 1] is (byte)'{' or (byte)','
                && header[begin..].StartsWith(text)
            )
                return begin;
            from = begin;
        }
    }

    private static void Write(ReadOnlySpan<byte> hash, Span<byte> digits) =>
        _ = Convert.TryToHexStringLower(hash, digits, out _);
}
