namespace Sequor.Layers;

/// <summary>
/// A weight [columns, depth] that products multiply by. In a stream it is laid out for the backend's kernels once, until parameters change,
/// and in a pass over ranges of steps once a pass; otherwise each product does so by itself.
/// </summary>
internal sealed class PreparedFactor
{
    private readonly Backend _backend;
    private readonly StreamPosition? _position;
    private readonly Slot? _place;
    private Layout _layout;

    // What the place holds.
    private enum Layout
    {
        Nothing,
        Forward,
        Backward,
    }

    /// <summary>Takes the memory for it.</summary>
    /// <param name="builder">The builder of the layer that multiplies.</param>
    /// <param name="depth">The columns of the weight, over which the sums of <see cref="Multiply"/> run.</param>
    /// <param name="columns">The rows of the weight, which are columns of its result.</param>
    /// <param name="ranges">Whether passes go over ranges of steps, each with a product of its own, and begin with <see cref="Begin"/>.</param>
    public PreparedFactor(PlanBuilder builder, int depth, int columns, bool ranges = false)
    {
        _backend = builder.Stage;
        _position = builder.Prepares;
        if (_position is null && !ranges)
            return;
        long count = _backend.FactorCount(depth, columns);
        if (_position is not null)
        {
            if (count > 0)
                _place = builder.Kept(Shape.Block(count), MemoryCategory.Workspace);
            return;
        }
        if (builder.Training)
            count = Math.Max(count, _backend.FactorCount(columns, depth));
        if (count > 0)
            _place = builder.Scratch(count);
    }

    /// <summary>Begins a pass over ranges: the weight may be another one than in the pass before.</summary>
    public void Begin() => _layout = Layout.Nothing;

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
    )
    {
        bool isThere = _position is null ? _layout == Layout.Forward : !_position.NewWeights;
        _layout = Layout.Forward;
        Run(
            new MatrixProduct
            {
                A = a,
                B = weight,
                TransposeB = true,
                C = c,
                Bias = bias,
                Accumulate = accumulate,
            },
            isThere
        );
    }

    /// <summary>c = a w, or c = c + a w; in training.</summary>
    /// <param name="a">[rows, columns]</param>
    /// <param name="weight">As in <see cref="Multiply"/>.</param>
    /// <param name="c">[rows, depth]</param>
    /// <param name="accumulate">Whether the product is added to c.</param>
    public void MultiplyBack(in Tensor a, in Tensor weight, in Tensor c, bool accumulate = false)
    {
        bool isThere = _layout == Layout.Backward;
        _layout = Layout.Backward;
        Run(
            new MatrixProduct
            {
                A = a,
                B = weight,
                C = c,
                Accumulate = accumulate,
            },
            isThere
        );
    }

    private void Run(in MatrixProduct product, bool isThere)
    {
        _backend.MatMul(
            _place is null ? product : product with { Factor = _place.All, HasFactor = isThere }
        );
    }
}
