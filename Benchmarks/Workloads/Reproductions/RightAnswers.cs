using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Which answers of a test set are right. Two models that answered the same questions are told apart by those that one of them alone knew,
/// which takes far fewer questions than two shares of right answers do.
/// </summary>
/// <param name="Count">Questions, one a sequence.</param>
/// <param name="Bits">Whether sequence i is right: bit i mod 8, from the least, of byte i / 8. In JSON it is base64.</param>
public sealed record RightAnswers(
    [property: JsonPropertyName("count")] int Count,
    [property: JsonPropertyName("bits")] ReadOnlyMemory<byte> Bits
)
{
    /// <summary>Bytes that hold the bits of so many answers.</summary>
    public static int BytesOf(int count) => (count + 7) / 8;

    /// <summary>Whether a sequence's answer is right.</summary>
    /// <param name="sequence">Its place in the test set.</param>
    public bool this[int sequence] => (Bits.Span[sequence / 8] >> (sequence % 8) & 1) != 0;

    /// <summary>Those of an evaluation; null where it did not keep them.</summary>
    public static RightAnswers? Of(Evaluation? evaluation)
    {
        if (evaluation?.Right is not { } right)
            return null;
        byte[] bits = new byte[BytesOf(right.Count)];
        for (int i = 0; i < right.Count; i++)
        {
            if (right[i])
                bits[i / 8] |= (byte)(1 << (i % 8));
        }
        return new RightAnswers(right.Count, bits);
    }

    /// <inheritdoc/>
    public bool Equals(RightAnswers? other) =>
        other is not null && Count == other.Count && Bits.Span.SequenceEqual(other.Bits.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Count, Bits.Length);
}
