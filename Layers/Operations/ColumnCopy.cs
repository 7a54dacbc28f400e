namespace Sequor.Layers;

/// <summary>
/// Copies a range of columns of one matrix into another with as many rows. Branches use it to join their outputs side by side and to take
/// the gradient apart again. The two matrices do not overlap.
/// </summary>
internal readonly record struct ColumnCopy
{
    /// <summary>The source, [rows, C].</summary>
    public required Tensor From { get; init; }

    /// <summary>The first column that is copied.</summary>
    public int FromColumn { get; init; }

    /// <summary>The destination, [rows, D], whose other columns stay as they are.</summary>
    public required Tensor To { get; init; }

    /// <summary>The first column that is written.</summary>
    public int ToColumn { get; init; }

    /// <summary>How many columns are copied.</summary>
    public required int Columns { get; init; }

    /// <summary>Fills a report. Of both matrices only the copied columns are moved.</summary>
    public OperationReport Describe(OperationReport report)
    {
        long moved = From.Shape.Rows * Columns;
        return report
            .Reads(From)
            .Updates(To)
            .Moves((2 * moved - From.Count - 2 * To.Count) * sizeof(float));
    }
}
