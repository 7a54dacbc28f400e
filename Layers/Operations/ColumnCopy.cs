namespace Sequor.Layers;

/// <summary>
/// A range of columns of one matrix becomes one of another of as many rows: what joins outputs of layers side by side, and takes
/// them apart. The two do not overlap.
/// </summary>
internal readonly record struct ColumnCopy
{
    /// <summary>[rows, C]</summary>
    public required Tensor From { get; init; }

    /// <summary>The first column of it.</summary>
    public int FromColumn { get; init; }

    /// <summary>[rows, D]; its other columns stay.</summary>
    public required Tensor To { get; init; }

    /// <summary>The first column of it.</summary>
    public int ToColumn { get; init; }

    /// <summary>How many columns.</summary>
    public required int Columns { get; init; }
}
