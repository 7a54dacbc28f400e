namespace Sequor.Layers;

/// <summary>A model's tensor as a kind of file has it.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Names">The names it stands under, the main one first: all are written, and one is enough to read it.</param>
/// <param name="Shape">Its sizes in the file; row-major, so sizes of 1 make no difference to the values.</param>
internal sealed record FileTensor(
    ModelTensor Tensor,
    IReadOnlyList<string> Names,
    IReadOnlyList<long> Shape
)
{
    /// <summary>Further names that it is read from, but not written under.</summary>
    public IReadOnlyList<string> OtherNames { get; init; } = [];

    /// <summary>The layer whose it is, where that matters.</summary>
    public Layer? Layer { get; init; }

    /// <summary>Where the file may have something else that it can be made of; null for none.</summary>
    public Substitute? Instead { get; init; }

    /// <summary>A tensor's sizes with some of 1 after them.</summary>
    public static long[] Sizes(Shape shape, int ones = 0)
    {
        long[] sizes = new long[shape.Rank + ones];
        Array.Fill(sizes, 1);
        for (int i = 0; i < shape.Rank; i++)
            sizes[i] = shape[i];
        return sizes;
    }

    public override string ToString() => SafetensorsEntry.Describe(SafetensorsType.F32, Shape);
}

/// <summary>What a tensor is made of in a file that has neither it nor any other that it belongs to.</summary>
/// <param name="Names">The names that it stands under; one is enough.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Unless">Names of which none may be in the file, beside those of the tensor itself.</param>
/// <param name="Make">Makes the tensor's values, given those there and how many rows they are.</param>
internal sealed record Substitute(
    IReadOnlyList<string> Names,
    IReadOnlyList<long> Shape,
    IReadOnlyList<string> Unless,
    Func<float[], int, float[]> Make
);
