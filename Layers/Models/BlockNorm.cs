namespace Sequor.Layers;

/// <summary>
/// The normalisation of a residual block that runs through time in chunks: x + f(norm(x)), or norm(x + f(x)). The block
/// calls this at each turn, and what has to be done there is done: a norm that needs all rows waits for the last chunk.
/// </summary>
/// <remarks>
/// Nothing is kept for the backward pass of norm(x + f(x)) beside statistics: the block computes that sum again.
/// </remarks>
internal sealed class BlockNorm : IDisposable
{
    private readonly ChunkNorm _norm;
    private readonly bool _first;
    private readonly GradientFlow _flow;
    private readonly Slot? _normed;

    /// <summary>Plans a block's norm.</summary>
    /// <param name="norm">A layer norm or a batch norm.</param>
    /// <param name="first">Of the block's input; else of its output.</param>
    /// <param name="builder">What memory is taken from.</param>
    /// <param name="input">The largest input of the block, [T, B, C].</param>
    /// <param name="chunk">The largest chunk of it, [rows, C].</param>
    public BlockNorm(Layer norm, bool first, PlanBuilder builder, Shape input, Shape chunk)
    {
        _norm = ChunkNorm.Plan(norm, builder, input);
        _first = first;
        _flow = builder.Gradients;
        if (first)
            _normed = builder.Scratch(chunk);
    }

    // Chunks meet nothing but their own rows.
    private bool ByChunks => !_norm.NeedsAll;

    /// <summary>The backward pass must show all sums x + f(x) to <see cref="See"/> before its first chunk.</summary>
    public bool SeesOutputs => !_first && !ByChunks;

    /// <summary>Before the first chunk of the forward pass.</summary>
    public void Begin(Tensor x)
    {
        if (!SeesOutputs)
            _norm.Prepare(x);
    }

    /// <summary>What f reads of a chunk of x, which begins at a row; again: not for the first time.</summary>
    public Tensor Input(Tensor x, long row, bool again)
    {
        if (_normed is null)
            return x;
        Tensor normed = _normed.All.RowRange(0, x.Shape.Rows);
        _norm.Forward(x, normed, row, again);
        return normed;
    }

    /// <summary>A chunk of y holds x + f.</summary>
    public void Output(Tensor y, long row)
    {
        if (!_first && ByChunks)
            _norm.Forward(y, y, row, false);
    }

    /// <summary>All of y holds x + f.</summary>
    public void End(Tensor y)
    {
        if (!SeesOutputs)
            return;
        _norm.Prepare(y);
        _norm.Forward(y, y, 0, false);
    }

    /// <summary>Shows a chunk of x + f and of the gradient by the output.</summary>
    public void See(Tensor sum, Tensor dy) => _norm.Sum(sum, dy);

    /// <summary>Before the first chunk of the backward pass.</summary>
    public void BeginBackward()
    {
        if (SeesOutputs)
            _norm.EndSum();
    }

    /// <summary>It is a norm of the output, whose gradient goes through <see cref="OutputBackward"/> first.</summary>
    public bool OfOutput => !_first;

    /// <summary>The gradient by a chunk of the output becomes that by x + f.</summary>
    public void OutputBackward(Tensor sum, Tensor dy, long row) =>
        _norm.Backward(sum, dy, dy, row, false);

    /// <summary>Where the gradient by a chunk of what f reads goes, and whether it is added there: to that by x.</summary>
    public (Tensor Place, bool Accumulate) InputGradient(Tensor allDy, long row, long count)
    {
        if (_normed is null)
            return (allDy.RowRange(row, count), true);
        return ByChunks
            ? (_normed.All.RowRange(0, count), false)
            : (_flow.Other(allDy, allDy.Shape).RowRange(row, count), false);
    }

    /// <summary>Adds to dy, the gradient by a chunk of x, what comes through the norm.</summary>
    public void InputBackward(Tensor x, Tensor gradient, Tensor dy, long row)
    {
        if (_first && ByChunks)
            _norm.Backward(x, gradient, dy, row, true);
    }

    /// <summary>After the last chunk: adds to dy, the gradient by x, what had to wait for all.</summary>
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
