namespace Sequor.Layers;

/// <summary>
/// A weight [columns, depth] that products multiply by, transposed. In a stream it is laid out for the backend's kernels once, until
/// parameters change; otherwise each product does so by itself.
/// </summary>
internal sealed class PreparedFactor
{
    private readonly Backend _backend;
    private readonly StreamPosition? _position;
    private readonly Slot? _place;

    /// <summary>Takes the memory for it.</summary>
    /// <param name="builder">The builder of the layer that multiplies.</param>
    /// <param name="depth">The columns of the weight, over which sums run.</param>
    /// <param name="columns">The rows of the weight, which are columns of a product.</param>
    public PreparedFactor(PlanBuilder builder, int depth, int columns)
    {
        _backend = builder.Stage;
        _position = builder.Prepares;
        long count = _position is null ? 0 : _backend.FactorCount(depth, columns);
        if (count > 0)
            _place = builder.Kept(Shape.Block(count), MemoryCategory.Workspace);
    }

    /// <summary>c = a w' + bias, or c = c + a w'.</summary>
    /// <param name="a">[rows, depth]</param>
    /// <param name="weight">w [columns, depth], the same at each call but for its values.</param>
    /// <param name="c">[rows, columns]</param>
    /// <param name="bias">[columns], or empty; not where it accumulates.</param>
    /// <param name="accumulate">Whether the product is added to c.</param>
    public void Multiply(
        in Tensor a,
        in Tensor weight,
        in Tensor c,
        in Tensor bias = default,
        bool accumulate = false
    ) =>
        _backend.MatMul(
            new MatrixProduct
            {
                A = a,
                B = weight,
                TransposeB = true,
                C = c,
                Bias = bias,
                Accumulate = accumulate,
                Factor = _place is null ? default : _place.All,
                HasFactor = _place is not null && !_position!.NewWeights,
            }
        );
}
