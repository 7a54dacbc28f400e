namespace Sequor.Layers;

/// <summary>
/// The normalisation of a residual block that runs through time in chunks: x + f(norm(x)), or norm(x + f(x)). The block calls this at each
/// stage of its passes, and each kind of norm does its work at the stage where it can: one that needs all rows waits for the last chunk.
/// </summary>
/// <remarks>For norm(x + f(x)) only statistics are kept for the backward pass; the block computes the sum again.</remarks>
internal sealed class BlockNorm : IDisposable
{
    private readonly Backend _backend;
    private readonly ChunkNorm _norm;
    private readonly bool _first;
    private readonly GradientFlow _flow;
    private readonly Slot? _normed;

    /// <summary>Makes the layer of a block's norm.</summary>
    /// <param name="kind">Which norm.</param>
    /// <param name="size">The number of channels.</param>
    /// <param name="momentum">That of a batch norm.</param>
    /// <param name="name">The argument of the block's constructor that the kind is from.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such norm, or a value is out of range.</exception>
    public static Layer Create(NormKind kind, int size, float momentum, string name) =>
        kind switch
        {
            NormKind.Layer => new LayerNorm(size),
            NormKind.Batch => new BatchNorm(size, momentum),
            _ => throw new ArgumentOutOfRangeException(
                name,
                kind,
                "The norm must be Layer or Batch."
            ),
        };

    /// <summary>Plans a block's norm.</summary>
    /// <param name="norm">A layer norm or a batch norm.</param>
    /// <param name="first">Whether it normalises the block's input; otherwise its output.</param>
    /// <param name="builder">The builder that memory is taken from.</param>
    /// <param name="input">The largest input of the block, [T, B, C].</param>
    /// <param name="chunk">The largest chunk of the input, [rows, C].</param>
    public BlockNorm(Layer norm, bool first, PlanBuilder builder, Shape input, Shape chunk)
    {
        _backend = builder.Stage;
        _norm = ChunkNorm.Plan(norm, builder, input);
        _first = first;
        _flow = builder.Gradients;
        if (first)
            _normed = builder.Scratch(chunk);
    }

    // Whether the rows of a chunk can be normalised without the rows of other chunks.
    private bool ByChunks => !_norm.NeedsAll;

    /// <summary>Whether the backward pass must show all sums x + f(x) to <see cref="See"/> before its first chunk.</summary>
    public bool SeesOutputs => !_first && !ByChunks;

    /// <summary>Called before the first chunk of the forward pass.</summary>
    public void Begin(Tensor x)
    {
        if (!SeesOutputs)
            _norm.Prepare(x);
    }

    /// <summary>
    /// Returns what f reads of a chunk of x that begins at a row. In the backward pass it is computed <paramref name="again"/>.
    /// </summary>
    public Tensor Input(Tensor x, long row, bool again)
    {
        if (_normed is null)
            return x;
        Tensor normed = _normed.All.RowRange(0, x.Shape.Rows);
        _norm.Forward(x, normed, row, again);
        return normed;
    }

    /// <summary>
    /// What f read of a chunk of x, in the backward pass, and with it the gradients of a <see cref="PointwiseOp.MultiplyAddGelu"/> whose a
    /// that was.
    /// </summary>
    /// <param name="x">The chunk.</param>
    /// <param name="row">Its first row.</param>
    /// <param name="gelu">The arguments of <see cref="PointwiseOp.MultiplyAddGeluGradient"/> but for c.</param>
    public Tensor InputAgain(Tensor x, long row, in PointwiseArguments gelu)
    {
        if (_normed is null)
        {
            _backend.Pointwise(PointwiseOp.MultiplyAddGeluGradient, gelu with { C = x });
            return x;
        }
        Tensor normed = _normed.All.RowRange(0, x.Shape.Rows);
        _norm.ForwardAgain(x, normed, row, gelu);
        return normed;
    }

    /// <summary>Called when a chunk of y holds x + f.</summary>
    public void Output(Tensor y, long row)
    {
        if (!_first && ByChunks)
            _norm.Forward(y, y, row, false);
    }

    /// <summary>Called when all of y holds x + f.</summary>
    public void End(Tensor y)
    {
        if (!SeesOutputs)
            return;
        _norm.Prepare(y);
        _norm.Forward(y, y, 0, false);
    }

    /// <summary>Takes a chunk of x + f and of the gradient of the output.</summary>
    public void See(Tensor sum, Tensor dy) => _norm.Sum(sum, dy);

    /// <summary>Called before the first chunk of the backward pass.</summary>
    public void BeginBackward()
    {
        if (SeesOutputs)
            _norm.EndSum();
    }

    /// <summary>Whether the output is normalised, so that its gradient goes through <see cref="OutputBackward"/> first.</summary>
    public bool OfOutput => !_first;

    /// <summary>Turns the gradient of a chunk of the output into the gradient of x + f, in place.</summary>
    public void OutputBackward(Tensor sum, Tensor dy, long row) =>
        _norm.Backward(sum, dy, dy, row, false);

    /// <summary>Where the gradient of a chunk of what f reads goes, and whether it is added to the gradient of x there.</summary>
    public (Tensor Place, bool Accumulate) InputGradient(Tensor allDy, long row, long count)
    {
        if (_normed is null)
            return (allDy.RowRange(row, count), true);
        return ByChunks
            ? (_normed.All.RowRange(0, count), false)
            : (_flow.Other(allDy, allDy.Shape).RowRange(row, count), false);
    }

    /// <summary>Adds to dy, the gradient of a chunk of x, what comes through the norm.</summary>
    /// <param name="x">The chunk.</param>
    /// <param name="gradient">The gradient of what f reads of it, to which skip * factor is added first.</param>
    /// <param name="skip">The gradient of what f adds to its output of what it reads, times a factor a channel.</param>
    /// <param name="factor">The factors.</param>
    /// <param name="dy">The gradient of the chunk.</param>
    /// <param name="row">The chunk's first row.</param>
    public void InputBackward(
        Tensor x,
        Tensor gradient,
        Tensor skip,
        Tensor factor,
        Tensor dy,
        long row
    )
    {
        if (_first && ByChunks)
            _norm.Backward(x, gradient, dy, row, true, skip, factor);
        else
            _backend.MultiplyAdd(skip, factor, gradient);
    }

    /// <summary>
    /// Called before <see cref="InputGradientOf"/>, where the gradient of all that f reads is there at once.
    /// </summary>
    public void BeginInputGradient(Tensor x, Tensor gradient)
    {
        if (!_first || ByChunks)
            return;
        _norm.Sum(x, gradient);
        _norm.EndSum();
    }

    /// <summary>Turns the gradient of a chunk of what f reads into what comes through the norm to x, in place.</summary>
    public void InputGradientOf(Tensor x, Tensor gradient, long row)
    {
        if (_first)
            _norm.Backward(x, gradient, gradient, row, false);
    }

    /// <summary>Called after the last chunk: adds to dy, the gradient of x, what comes through a norm that needs all rows.</summary>
    public void EndBackward(Tensor x, Tensor dy)
    {
        if (!_first || ByChunks)
            return;
        Tensor gradient = _flow.Other(dy, dy.Shape);
        _norm.Sum(x, gradient);
        _norm.EndSum();
        _norm.Backward(x, gradient, dy, 0, true);
    }

    public void Dispose() => _norm.Dispose();
}
