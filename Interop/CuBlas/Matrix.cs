namespace Sequor.Interop;

/// <summary>A row-major matrix in device memory; rows may lie further apart than they are wide.</summary>
/// <param name="Elements">The memory, of at least (Rows - 1) * Stride + Columns elements.</param>
/// <param name="Rows">The number of rows, above 0.</param>
/// <param name="Columns">The number of columns, above 0.</param>
/// <param name="Stride">The number of elements from one row to the next, at least Columns.</param>
public readonly record struct Matrix(DeviceSpan<float> Elements, int Rows, int Columns, int Stride)
{
    /// <summary>Makes a matrix whose rows follow each other without gaps.</summary>
    public Matrix(DeviceSpan<float> elements, int rows, int columns)
        : this(elements, rows, columns, columns) { }

    /// <summary>The number of elements from the first to the last, both included.</summary>
    public long Extent => (Rows - 1L) * Stride + Columns;

    internal void Require(string argument, CudaContext context, long more = 0)
    {
        if (Rows <= 0 || Columns <= 0 || Stride < Columns)
            throw new ArgumentException(
                $"{argument} is {Rows} x {Columns} with rows {Stride} apart;"
                    + " sizes are above 0, and rows at least their width apart.",
                argument
            );
        if (Elements.Length < Extent + more)
            throw new ArgumentException(
                $"{argument} is {Rows} x {Columns} with rows {Stride} apart, which is"
                    + $" {Extent + more} elements; there are {Elements.Length}.",
                argument
            );
        Elements.Require(context, argument);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Rows} x {Columns}";
}
