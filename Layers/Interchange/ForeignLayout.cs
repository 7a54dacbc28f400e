using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// What other code says of a tensor's sizes and strides, and whether that is a tensor here: one to three dimensions, row-major without gaps.
/// </summary>
internal static class ForeignLayout
{
    private const int MostDimensions = 3;

    /// <summary>The shape; a scalar, which has no dimensions, is one value [1].</summary>
    /// <param name="sizes">The sizes, outermost first.</param>
    /// <param name="strides">As many distances; empty for row-major without gaps.</param>
    /// <param name="unit">What a distance of one value is told as: 1 in elements, 4 in bytes.</param>
    /// <exception cref="ArgumentException">It is no tensor here; the message says what is given and what can be done.</exception>
    public static Shape Require(ReadOnlySpan<long> sizes, ReadOnlySpan<long> strides, int unit)
    {
        RequireSizes(sizes);
        if (!strides.IsEmpty)
            RequireRowMajor(sizes, strides, unit);
        return sizes.Length switch
        {
            0 => new Shape(1),
            1 => new Shape((int)sizes[0]),
            2 => new Shape((int)sizes[0], (int)sizes[1]),
            _ => new Shape((int)sizes[0], (int)sizes[1], (int)sizes[2]),
        };
    }

    private static void RequireSizes(ReadOnlySpan<long> sizes)
    {
        foreach (long size in sizes)
        {
            if (size < 0)
                throw new ArgumentException(
                    $"The tensor's sizes are {Listed(sizes)}; none may be below 0."
                );
        }
        if (sizes.Length > MostDimensions)
            throw new ArgumentException(
                $"The tensor has {sizes.Length} dimensions, {Listed(sizes)}; here it has 1 to {MostDimensions}, as [T, B, C]. Join some at its producer: x.reshape(...)."
            );
        Int128 count = 1;
        foreach (long size in sizes)
        {
            count *= size;
            if (size > int.MaxValue)
                throw new ArgumentException(
                    $"The tensor's sizes are {Listed(sizes)}; each may be {int.MaxValue} at most. Split it at its producer: x.reshape(...)."
                );
        }
        if (count > long.MaxValue / sizeof(float))
            throw new ArgumentException(
                $"The tensor's sizes are {Listed(sizes)}: more values than can be addressed."
            );
    }

    // A size of 1 is never stepped over, so its stride may be anything; and all may where there are no values.
    private static void RequireRowMajor(
        ReadOnlySpan<long> sizes,
        ReadOnlySpan<long> strides,
        int unit
    )
    {
        if (sizes.Contains(0))
            return;
        Span<long> wanted = stackalloc long[sizes.Length];
        long next = unit;
        bool fits = true;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            wanted[i] = next;
            fits &= sizes[i] == 1 || strides[i] == next;
            next *= sizes[i];
        }
        if (fits)
            return;
        string units = unit == 1 ? "elements" : "bytes";
        throw new ArgumentException(
            $"The tensor {Listed(sizes)} has strides {Listed(strides)} in {units}; here it is row-major without gaps, {Listed(wanted)}. Make a copy that is, at its producer: x.contiguous() in PyTorch, numpy.ascontiguousarray(x), cupy.ascontiguousarray(x)."
        );
    }

    private static string Listed(ReadOnlySpan<long> values)
    {
        var texts = new List<string>();
        foreach (long value in values)
            texts.Add(value.ToString(CultureInfo.InvariantCulture));
        return $"[{string.Join(", ", texts)}]";
    }
}
