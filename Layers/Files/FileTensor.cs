namespace Sequor.Layers;

/// <summary>A model's tensor as a kind of file stores it.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Names">Its names in the file, the main one first. It is written under all of them, and one is enough to read it.</param>
/// <param name="Shape">Its sizes in the file, row-major. Sizes of 1 may differ from the model's, as they do not move values.</param>
internal sealed record FileTensor(
    ModelTensor Tensor,
    IReadOnlyList<string> Names,
    IReadOnlyList<long> Shape
)
{
    /// <summary>Further names under which it is read, but not written.</summary>
    public IReadOnlyList<string> OtherNames { get; init; } = [];

    /// <summary>The layer that it belongs to, where that matters.</summary>
    public Layer? Layer { get; init; }

    /// <summary>What else in the file the tensor can be computed from; null for nothing.</summary>
    public Substitute? Instead { get; init; }

    /// <summary>A tensor's sizes, followed by a number of sizes of 1.</summary>
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

/// <summary>What a tensor is computed from where the file has neither it nor any other tensor that it belongs to.</summary>
/// <param name="Names">The names of the source; one of them is enough.</param>
/// <param name="Shape">The sizes of the source.</param>
/// <param name="Unless">Names that must not be in the file, besides those of the tensor itself.</param>
/// <param name="Make">Computes the tensor's values from those of the source and its number of rows.</param>
internal sealed record Substitute(
    IReadOnlyList<string> Names,
    IReadOnlyList<long> Shape,
    IReadOnlyList<string> Unless,
    Func<float[], int, float[]> Make
);
