using System.Globalization;
using System.Text;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Reads texts in UTF-8. Of a text in another encoding, or of what is no text, it says where its first wrong byte is: bytes of 0 are in no
/// text, and every second one in UTF-16.
/// </summary>
internal static class Utf8Text
{
    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <summary>The bytes of a text, which are whole characters; a mark of byte order at the beginning is left out.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="TaskDataException">It is empty, or no UTF-8, or larger than an array.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    public static ReadOnlyMemory<byte> Read(string path)
    {
        if (new FileInfo(path).Length is var there && there > Array.MaxLength)
            throw new TaskDataException(
                $"'{path}' has {Amount.Of(there, "byte")}; at most {Array.MaxLength} are read."
            );
        byte[] bytes = File.ReadAllBytes(path);
        int begin = bytes.AsSpan().StartsWith(Mark) ? Mark.Length : 0;
        if (bytes.Length == begin)
            throw new TaskDataException($"'{path}' is empty: there is no text to learn.");
        for (int at = begin; at < bytes.Length; )
        {
            if (
                Rune.DecodeFromUtf8(bytes.AsSpan(at), out Rune point, out int length)
                    != System.Buffers.OperationStatus.Done
                || point.Value == 0
            )
                throw Wrong(path, bytes, at);
            at += length;
        }
        return bytes.AsMemory(begin);
    }

    private static TaskDataException Wrong(string path, byte[] bytes, int at)
    {
        int line = 1 + bytes.AsSpan(0, at).Count((byte)'\n');
        string guess = bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] or [0, _, ..] or [_, 0, ..]
            ? " It looks like UTF-16."
            : "";
        return new TaskDataException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"'{path}' is no text in UTF-8: the byte 0x{bytes[at]:X2} at {at}, in line {line}, is part of no character of a text. Convert it to UTF-8.{guess}"
            )
        );
    }
}
