namespace Sequor.Layers;

/// <summary>
/// The residual block of deep state space models around a core, which is the layer that works along time: [T, B, d] to [T, B, d]. Its
/// output is x + drop(mix(drop(gelu(core(norm(x)))))), or without <see cref="SequenceBlockOptions.Prenorm"/> norm(x +
/// drop(mix(drop(gelu(core(x)))))); <see cref="BlockMixing"/> says what mix is. Its parameters are those of norm, core and out, the linear
/// layer of the mixing. Source: Orvieto et al. (2023), section 3 and figure 1, whose block an LRU or another recurrence goes into; the GELU
/// is the tanh form.
/// </summary>
public sealed class SequenceBlock : Layer
{
    private const string CoreName = "core";
    private readonly Layer _norm;
    private readonly Linear? _out;

    /// <summary>Makes a block around a core.</summary>
    /// <param name="core">
    /// A layer with as many output as input channels that keeps the steps; use a <see cref="Sequential"/> for several layers. The block
    /// applies the GELU to its output, so it ends without an activation.
    /// </param>
    /// <param name="options">Norm, dropout and mixing.</param>
    /// <exception cref="ArgumentException">
    /// The core's input and output channels differ, or its input must be classes; an option is out of range, or all parameters have more
    /// than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public SequenceBlock(Layer core, SequenceBlockOptions options)
    {
        ArgumentNullException.ThrowIfNull(core);
        ArgumentNullException.ThrowIfNull(options);
        if (core.InputSize != core.OutputSize)
            throw new ArgumentException(
                $"The core takes {Amount.Of(core.InputSize, "channel")} and gives {core.OutputSize}; in a residual block it must give as many.",
                nameof(core)
            );
        if (core.InputClasses is not null)
            throw new ArgumentException(
                $"The {core.GetType().Name} takes classes, and classes are no numbers to normalise or add.",
                nameof(core)
            );
        RequireProbability(options.Dropout, "dropout");
        if (!Enum.IsDefined(options.Mixing))
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Mixing,
                "The mixing must be Glu, HalfGlu, Linear or None."
            );
        Core = core;
        Options = options;
        int d = core.InputSize;
        _norm = BlockNorm.Create(options.Norm, d, options.Momentum, nameof(options));
        if (options.Mixing != BlockMixing.None)
            _out = new Linear(d, options.Mixing == BlockMixing.Glu ? checked(2 * d) : d);
        Children = _out is null
            ? [("norm", _norm), (CoreName, core)]
            : [("norm", _norm), (CoreName, core), ("out", _out)];
        Containers.RequireLayers([.. Children.Select(c => c.Layer)], "A block");
        Containers.RequireOnce(this, nameof(core));
    }

    /// <summary>The layer that works along time.</summary>
    public Layer Core { get; }

    /// <summary>Norm, dropout and mixing.</summary>
    public SequenceBlockOptions Options { get; }

    /// <inheritdoc/>
    public override int InputSize => Core.InputSize;

    /// <inheritdoc/>
    public override int OutputSize => Core.OutputSize;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        return new BlockPlan(this, builder, input);
    }

    // The core runs over all steps at once, so what it reads lies in scratch memory as a whole: the backward pass computes it again there.
    private sealed class BlockPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly BlockFrame _frame;
        private readonly PlannedLayer _core;
        private readonly Slot _output;
        private readonly bool _prenorm;
        private readonly bool _inputGradient;

        // A copy of the input that the core's layers may overwrite; not needed in training, where they do not.
        private readonly Slot? _input;

        // The gradient of the sum x + mixed while the core's layers use both places of gradients.
        private readonly Slot? _skip;
        private Tensor _x;
        private Tensor _z;

        public BlockPlan(SequenceBlock layer, PlanBuilder builder, Shape input)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _prenorm = layer.Options.Prenorm;
            _inputGradient = builder.InputGradient;
            if (!builder.Training)
                _input = builder.Scratch(input);
            else if (_inputGradient)
                _skip = builder.Scratch(input);
            _frame = new BlockFrame(
                new BlockParts(
                    layer._norm,
                    _prenorm,
                    layer.Options.Mixing,
                    layer._out,
                    layer.Options.Dropout,
                    layer.Options.SharedDropout
                ),
                builder,
                input,
                8L * input.Columns,
                whole: true
            );
            SequenceLayout? layout = builder.Layout;
            // The norm has parameters before the core.
            builder.InputGradient = _inputGradient || _prenorm;
            try
            {
                _core = PlannedLayer.Of(builder, CoreName, layer.Core, input, out Shape output);
                if (output != input || builder.Layout != layout)
                {
                    _core.Dispose();
                    throw new NotSupportedException(
                        "The core of a SequenceBlock pools over time: it has to keep the steps, to be added to the block's input."
                    );
                }
            }
            catch
            {
                _frame.Dispose();
                throw;
            }
            builder.InputGradient = _inputGradient;
            _output = builder.Output(input);
        }

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            if (_input is not null)
            {
                _x = _input.For(x.Shape.First, x.Shape[1]);
                _backend.Copy(x, _x);
            }
            _frame.Begin(_x);
            _z = _core.Forward(_prenorm ? _frame.CoreInput(false) : x);
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            for (int first = 0; first < _frame.Ranges.Steps; )
            {
                ScanRange range = _frame.Ranges.From(first);
                _backend.Pointwise(
                    PointwiseOp.Gelu,
                    new PointwiseArguments
                    {
                        A = _frame.Ranges.Of(_z, range),
                        Out = _frame.Hidden(range),
                    }
                );
                _frame.Finish(y, range);
                first = range.End;
            }
            _frame.End(y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            int steps = _x.Shape.First;
            dy = _flow.Whole(dy, steps);
            if (_prenorm)
                _frame.CoreInput(true);
            Tensor skip = _skip is null ? default : _skip.For(steps, _x.Shape[1]);
            _frame.BeginBackward(dy, _z);
            for (int first = 0; first < _frame.Ranges.Steps; )
            {
                ScanRange range = _frame.Ranges.From(first);
                Tensor rows = _frame.Ranges.Of(dy, range);
                Tensor gradient = _frame.BackwardToHidden(dy, _z, range);
                if (!skip.IsEmpty)
                    _backend.Copy(rows, _frame.Ranges.Of(skip, range));
                _backend.Pointwise(
                    PointwiseOp.GeluGradient,
                    new PointwiseArguments
                    {
                        A = gradient,
                        B = _frame.Ranges.Of(_z, range),
                        Out = rows,
                    }
                );
                first = range.End;
            }
            Tensor dx = _core.Backward(dy);
            if (!_inputGradient && !_prenorm)
                return default;
            dx = _flow.Whole(dx, steps);
            _frame.WholeInputBackward(dx, skip);
            return _inputGradient ? dx : default;
        }

        internal override IEnumerable<(string Name, Tensor Output)> Outputs => _core.NamedOutputs;

        public override void Dispose()
        {
            _core.Dispose();
            _frame.Dispose();
            base.Dispose();
        }
    }
}
