namespace Sequor.Layers;

/// <summary>A normalisation within a block that runs through time in chunks of steps.</summary>
internal abstract class ChunkNorm : IDisposable
{
    /// <summary>Plans the operation of a layer norm or a batch norm.</summary>
    /// <param name="norm">The layer.</param>
    /// <param name="builder">The builder that memory is taken from.</param>
    /// <param name="input">The largest input, all chunks together.</param>
    public static ChunkNorm Plan(Layer norm, PlanBuilder builder, Shape input) =>
        norm switch
        {
            LayerNorm layer => new OfLayer(layer, builder, input),
            BatchNorm batch => new OfBatch(batch, builder),
            _ => throw new ArgumentException($"{norm.GetType().Name} is no norm.", nameof(norm)),
        };

    /// <summary>
    /// Whether all rows must be seen before any is normalised, and all gradients before any is passed on. That is so for a batch norm in
    /// training.
    /// </summary>
    public abstract bool NeedsAll { get; }

    /// <summary>Computes the statistics that are not those of single rows. Where it needs all rows, it gets all of them.</summary>
    public abstract void Prepare(Tensor all);

    /// <summary>Computes y from x for a chunk that begins at row <paramref name="row"/>; both may be the same tensor.</summary>
    /// <param name="x">The chunk.</param>
    /// <param name="y">The output, written.</param>
    /// <param name="row">The chunk's first row.</param>
    /// <param name="again">Whether the statistics of the forward pass are used instead of new ones.</param>
    public abstract void Forward(Tensor x, Tensor y, long row, bool again);

    /// <summary>
    /// Computes y again for a chunk of the backward pass, and with it the gradients of a <see cref="PointwiseOp.MultiplyAddGelu"/> whose a
    /// y was.
    /// </summary>
    /// <param name="x">The chunk.</param>
    /// <param name="y">The output, written.</param>
    /// <param name="row">The chunk's first row.</param>
    /// <param name="gelu">The arguments of <see cref="PointwiseOp.MultiplyAddGeluGradient"/>, whose c is y.</param>
    public abstract void ForwardAgain(Tensor x, Tensor y, long row, in PointwiseArguments gelu);

    /// <summary>Takes a chunk's gradient where all rows are needed. Every chunk must come once before <see cref="EndSum"/>.</summary>
    public abstract void Sum(Tensor x, Tensor dy);

    /// <summary>Called where all rows are needed, once every chunk has been seen.</summary>
    public abstract void EndSum();

    /// <summary>Computes, or adds to, dx for a chunk of x; dx may be dy.</summary>
    /// <param name="x">The chunk.</param>
    /// <param name="dy">The gradient of the output, which may become dy + skip * factor.</param>
    /// <param name="dx">The gradient of the chunk.</param>
    /// <param name="row">The chunk's first row.</param>
    /// <param name="accumulate">Whether dx is added to.</param>
    /// <param name="skip">What is added to dy, times a factor a channel; empty for nothing.</param>
    /// <param name="factor">The factors.</param>
    public abstract void Backward(
        Tensor x,
        Tensor dy,
        Tensor dx,
        long row,
        bool accumulate,
        Tensor skip = default,
        Tensor factor = default
    );

    public abstract void Dispose();

    private sealed class OfLayer : ChunkNorm
    {
        private readonly LayerNormOperation _operation;
        private readonly Slot _statistics;
        private readonly Slot _workspace;
        private readonly Tensor _weight;
        private readonly Tensor _bias;
        private readonly Tensor _weightGradient;
        private readonly Tensor _biasGradient;

        public OfLayer(LayerNorm layer, PlanBuilder builder, Shape input)
        {
            _operation = builder.Own(builder.Stage.PlanLayerNorm(layer.Describe(input)));
            _statistics = builder.Keep(new Shape(input.First, input[1], 2));
            _workspace = builder.Scratch(_operation.WorkspaceCount);
            _weight = builder.Value(layer.Weight);
            _bias = builder.Value(layer.Bias);
            _weightGradient = builder.Gradient(layer.Weight);
            _biasGradient = builder.Gradient(layer.Bias);
        }

        public override bool NeedsAll => false;

        public override void Prepare(Tensor all) { }

        public override void Forward(Tensor x, Tensor y, long row, bool again) =>
            _operation.Forward(x, _weight, _bias, y, Statistics(x, row), again);

        public override void ForwardAgain(
            Tensor x,
            Tensor y,
            long row,
            in PointwiseArguments gelu
        ) => _operation.ForwardAgain(x, _weight, _bias, y, Statistics(x, row), gelu);

        public override void Sum(Tensor x, Tensor dy) => throw new InvalidOperationException();

        public override void EndSum() => throw new InvalidOperationException();

        public override void Backward(
            Tensor x,
            Tensor dy,
            Tensor dx,
            long row,
            bool accumulate,
            Tensor skip,
            Tensor factor
        ) =>
            _operation.Backward(
                x,
                _weight,
                Statistics(x, row),
                dy,
                dx,
                accumulate,
                _weightGradient,
                _biasGradient,
                _workspace.All,
                skip,
                factor
            );

        private Tensor Statistics(Tensor x, long row) =>
            _statistics.All.RowRange(row, x.Shape.Rows);

        public override void Dispose() => _operation.Dispose();
    }

    private sealed class OfBatch(BatchNorm layer, PlanBuilder builder) : ChunkNorm
    {
        private readonly Backend _backend = builder.Stage;
        private readonly BatchNorm.PlannedBatchNorm _norm = new(layer, builder);
        private bool _summing;

        public override bool NeedsAll { get; } = builder.Training;

        public override void Prepare(Tensor all) => _norm.Prepare(all);

        public override void Forward(Tensor x, Tensor y, long row, bool again) =>
            _norm.Normalise(x, y);

        public override void ForwardAgain(Tensor x, Tensor y, long row, in PointwiseArguments gelu)
        {
            _norm.Normalise(x, y);
            _backend.Pointwise(PointwiseOp.MultiplyAddGeluGradient, gelu with { C = y });
        }

        public override void Sum(Tensor x, Tensor dy)
        {
            _norm.Sum(x, dy, _summing);
            _summing = true;
        }

        public override void EndSum()
        {
            _norm.AddSums();
            _summing = false;
        }

        public override void Backward(
            Tensor x,
            Tensor dy,
            Tensor dx,
            long row,
            bool accumulate,
            Tensor skip,
            Tensor factor
        )
        {
            if (!skip.IsEmpty)
                _backend.MultiplyAdd(skip, factor, dy);
            _norm.Backward(x, dy, dx, accumulate);
        }

        public override void Dispose() => _norm.Dispose();
    }
}
