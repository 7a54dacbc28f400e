using System.Globalization;
using System.Numerics;

namespace Sequor.Layers;

/// <summary>Finds values that are NaN or infinite, and says where they are.</summary>
internal static class NonFinite
{
    /// <summary>The index of the first such value; -1 where there is none.</summary>
    public static int IndexIn(ReadOnlySpan<float> values)
    {
        // Saving examines all values, so whole vectors are tested first. A comparison with NaN is always false.
        int from = 0;
        var largest = new Vector<float>(float.MaxValue);
        while (
            from <= values.Length - Vector<float>.Count
            && Vector.LessThanOrEqualAll(Vector.Abs(new Vector<float>(values[from..])), largest)
        )
            from += Vector<float>.Count;
        for (int i = from; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }
        return -1;
    }

    /// <summary>Describes the first such value of a tensor, as in NaN at [3, 0]; null where there is none.</summary>
    /// <param name="values">The tensor's values, or a contiguous part of them.</param>
    /// <param name="shape">The tensor's sizes.</param>
    /// <param name="first">The index within the tensor of the first of the values.</param>
    public static string? Describe(
        ReadOnlySpan<float> values,
        IReadOnlyList<long> shape,
        long first = 0
    )
    {
        int at = IndexIn(values);
        if (at < 0)
            return null;
        long[] place = new long[shape.Count];
        long rest = first + at;
        for (int i = place.Length - 1; i >= 0; i--)
            (rest, place[i]) = Math.DivRem(rest, shape[i]);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{values[at]} at [{string.Join(", ", place)}]"
        );
    }
}
