namespace Sequor.Layers;

/// <summary>What a residual block is made of besides its core.</summary>
/// <param name="Norm">A layer norm or a batch norm.</param>
/// <param name="Prenorm">Whether it stands before the core; otherwise after the sum.</param>
/// <param name="Mixing">How the channels are mixed.</param>
/// <param name="Out">The linear layer that mixes them; null for <see cref="BlockMixing.None"/>.</param>
/// <param name="Dropout">The probability of dropout after the GELU and after the mixing.</param>
/// <param name="SharedDropout">Whether the steps of a sequence share a mask.</param>
internal sealed record BlockParts(
    Layer Norm,
    bool Prenorm,
    BlockMixing Mixing,
    Linear? Out,
    float Dropout,
    bool SharedDropout
);

/// <summary>
/// What residual blocks have around their core, in a plan: x + drop(mix(drop(gelu(core(norm(x)))))), or the norm of that sum without the
/// inner one. All of it but sums over all rows runs through time in ranges of steps. The block computes the core and the GELU; the frame
/// does the rest, and computes the gated values and the sum again for the backward pass instead of keeping them.
/// </summary>
internal sealed partial class BlockFrame : IDisposable
{
    private readonly Backend _backend;
    private readonly GradientFlow _flow;
    private readonly BlockMixing _mixing;
    private readonly BlockNorm _norm;
    private readonly BlockDropout _dropout;
    private readonly PreparedFactor? _factor;
    private readonly (Tensor Value, Tensor Gradient) _weight;
    private readonly (Tensor Value, Tensor Gradient) _bias;

    // Kept: what the linear layer gives where the backward pass reads it.
    private readonly Slot? _mixed;

    // Scratch memory of a range.
    private readonly Slot _hidden;
    private readonly Slot? _second;
    private Tensor _x;

    /// <summary>Takes the memory of a block's frame.</summary>
    /// <param name="parts">What the block is made of.</param>
    /// <param name="builder">The builder that memory is taken from.</param>
    /// <param name="input">The largest input of the block, [T, B, d].</param>
    /// <param name="floatsPerRow">What a range reads and writes for a row, by which ranges fit the cache.</param>
    /// <param name="whole">Whether the core reads all rows of its input at once, not range by range.</param>
    public BlockFrame(
        BlockParts parts,
        PlanBuilder builder,
        Shape input,
        long floatsPerRow,
        bool whole
    )
    {
        _backend = builder.Stage;
        _flow = builder.Gradients;
        _mixing = parts.Mixing;
        int d = input.Columns;
        int chunk = checked(
            (int)Math.Clamp(_backend.PreferredRows(floatsPerRow), input[1], input.Rows)
        );
        Ranges = new StepRanges(builder.Layout, chunk);
        _norm = new BlockNorm(
            parts.Norm,
            parts.Prenorm,
            builder,
            input,
            whole ? input : new Shape(chunk, d)
        );
        _dropout = new BlockDropout(parts.Dropout, parts.SharedDropout, builder, Ranges);
        _hidden = builder.Scratch(new Shape(chunk, d));
        if (parts.Out is null)
            return;
        _factor = new PreparedFactor(builder, d, parts.Out.OutputSize, ranges: true);
        _weight = Both(parts.Out.Parameters[0]);
        _bias = Both(parts.Out.Parameters[1]);
        // A linear layer's output is only read again for the norm of the sum.
        if (_mixing != BlockMixing.Linear || !parts.Prenorm)
            _mixed = builder.Keep(
                new Shape(input.First, input[1], _mixing == BlockMixing.Glu ? 2 * d : d)
            );
        bool needsSecond =
            _mixing == BlockMixing.HalfGlu || (_mixing == BlockMixing.Linear && _dropout.Drops);
        if (builder.Training && needsSecond)
            _second = builder.Scratch(new Shape(chunk, d));

        (Tensor, Tensor) Both(Parameter p) => (builder.Value(p), builder.Gradient(p));
    }

    /// <summary>The ranges of steps of the batch.</summary>
    public StepRanges Ranges { get; }

    /// <summary>
    /// What the linear layer gave of a range, [rows, d] or [rows, 2d], which is not read again once
    /// <see cref="BackwardToHidden"/> has returned.
    /// </summary>
    public Tensor Mixed(ScanRange range) => Ranges.Of(_mixed!, range);

    /// <summary>Where the GELU's output goes of a range.</summary>
    public Tensor Hidden(ScanRange range) => Ranges.Part(_hidden, range);

    /// <summary>Begins a forward pass.</summary>
    /// <param name="x">The block's input, whose values stay until the backward pass is done.</param>
    public void Begin(Tensor x)
    {
        _x = x;
        Ranges.Begin(x);
        _norm.Begin(x);
        _factor?.Begin();
    }

    /// <summary>What the core reads of a range.</summary>
    /// <param name="range">The steps.</param>
    /// <param name="again">Whether it is computed again, in the backward pass.</param>
    public Tensor CoreInput(ScanRange range, bool again) =>
        _norm.Input(Ranges.Of(_x, range), Ranges.Row(range.First), again);

    /// <summary>
    /// What the core read of a range, in the backward pass, and with it the gradients of the GELU of the core's output, whose direct term
    /// that was.
    /// </summary>
    /// <param name="range">The steps.</param>
    /// <param name="gelu">The arguments of <see cref="PointwiseOp.MultiplyAddGeluGradient"/> but for c.</param>
    public Tensor CoreInputAgain(ScanRange range, in PointwiseArguments gelu) =>
        _norm.InputAgain(Ranges.Of(_x, range), Ranges.Row(range.First), gelu);

    /// <summary>What the core reads, of all steps.</summary>
    public Tensor CoreInput(bool again) => _norm.Input(_x, 0, again).View(_x.Shape);

    /// <summary>Turns the GELU's output, which <see cref="Hidden"/> holds, into the block's.</summary>
    public void Finish(Tensor allY, ScanRange range)
    {
        Tensor hidden = Hidden(range);
        Tensor y = Ranges.Of(allY, range);
        _dropout.Apply(hidden, hidden, 0, range);
        if (_mixing != BlockMixing.None)
            _factor!.Multiply(
                hidden,
                _weight.Value,
                _mixed is null ? y : Mixed(range),
                _mixing == BlockMixing.Linear || _backend.AddsBiasInProducts ? _bias.Value : default
            );
        AddMixed(hidden, y, range);
        _norm.Output(y, Ranges.Row(range.First));
    }

    /// <summary>Ends a forward pass, once all ranges are finished.</summary>
    public void End(Tensor y) => _norm.End(y);

    // Where a product does not add its bias, gates are kept without it, and it is added where they are read.
    private Tensor GateBias => _backend.AddsBiasInProducts ? default : _bias.Value;

    // sum = x + drop(mixed). A linear layer's output that is not kept is in the sum already.
    private void AddMixed(Tensor hidden, Tensor sum, ScanRange range)
    {
        Tensor x = Ranges.Of(_x, range);
        bool gated = _mixing is BlockMixing.Glu or BlockMixing.HalfGlu;
        Tensor mixed = sum;
        if (gated)
        {
            _backend.Pointwise(
                _mixing == BlockMixing.Glu ? PointwiseOp.AddGlu : PointwiseOp.AddGated,
                new PointwiseArguments
                {
                    A = _dropout.Drops ? default : x,
                    B = Mixed(range),
                    C = _mixing == BlockMixing.Glu ? default : hidden,
                    Row = GateBias,
                    Out = sum,
                }
            );
            if (!_dropout.Drops)
                return;
        }
        else if (_mixing == BlockMixing.None)
        {
            mixed = hidden;
        }
        else if (_mixed is not null)
        {
            mixed = Mixed(range);
        }
        if (_dropout.Drops && _mixing != BlockMixing.None)
        {
            _dropout.Apply(mixed, sum, 1, range);
            mixed = sum;
        }
        _backend.Pointwise(
            PointwiseOp.Add,
            new PointwiseArguments
            {
                A = x,
                B = mixed,
                Out = sum,
            }
        );
    }

    public void Dispose() => _norm.Dispose();
}
