namespace Sequor.Layers;

/// <summary>
/// Layers that all read the same input, and whose outputs are added, y = f1(x) + f2(x) + ..., or concatenated along the channels, y =
/// [f1(x) | f2(x) | ...].
/// </summary>
public sealed class Branches : Layer
{
    private readonly (string Name, Layer Layer)[] _children;

    /// <summary>Puts layers side by side and adds their outputs.</summary>
    /// <param name="layers">Layers with equal numbers of input channels, and of output channels.</param>
    /// <exception cref="ArgumentException">As for the other constructor.</exception>
    public Branches(params IReadOnlyList<Layer> layers)
        : this(BranchJoin.Add, layers) { }

    /// <summary>Puts layers side by side and joins their outputs.</summary>
    /// <param name="join">How the outputs are joined.</param>
    /// <param name="layers">Layers with equal numbers of input channels and, to be added, of output channels.</param>
    /// <exception cref="ArgumentException">
    /// The join does not exist, there is no layer, the channels differ, a layer with parameters occurs twice, or all have more than
    /// <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Branches(BranchJoin join, params IReadOnlyList<Layer> layers)
    {
        if (!Enum.IsDefined(join))
            throw new ArgumentOutOfRangeException(
                nameof(join),
                join,
                "Branches are joined by Add or Concatenate."
            );
        Join = join;
        Containers.RequireLayers(layers, "A Branches");
        for (int i = 1; i < layers.Count; i++)
        {
            if (
                layers[i].InputSize != layers[0].InputSize
                || (join == BranchJoin.Add && layers[i].OutputSize != layers[0].OutputSize)
            )
                throw new ArgumentException(
                    $"Layer {i} is {layers[i].InputSize} -> {layers[i].OutputSize} and layer 0 {layers[0].InputSize} -> {layers[0].OutputSize}; all must have the same channels in{(join == BranchJoin.Add ? " and out" : "")}.",
                    nameof(layers)
                );
        }
        _children = Containers.Numbered(layers);
        Containers.RequireOnce(this, nameof(layers));
        long channels = layers.Sum(layer => (long)layer.OutputSize);
        if (join == BranchJoin.Concatenate && channels > MostValues)
            throw new ArgumentException(
                $"The layers have {channels} channels out together; there can be {MostValues}.",
                nameof(layers)
            );
        OutputSize = join == BranchJoin.Add ? layers[0].OutputSize : (int)channels;
    }

    /// <summary>How the outputs are joined.</summary>
    public BranchJoin Join { get; }

    /// <inheritdoc/>
    public override int InputSize => _children[0].Layer.InputSize;

    /// <inheritdoc/>
    public override int OutputSize { get; }

    // The input's classes must be valid for every branch.
    internal override int? InputClasses => _children.Min(child => child.Layer.InputClasses);

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children => _children;

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    ) => new BranchesPlan(this, builder, input, out output);

    private sealed class BranchesPlan : LayerPlan
    {
        private readonly TensorOperations _operations;
        private readonly GradientFlow _flow;
        private readonly PlannedLayer[] _branches;
        private readonly Slot _output;
        private readonly Slot? _input;
        private readonly Slot? _sum;
        private readonly Slot? _gradient;
        private readonly Slot? _part;
        private readonly int[]? _columns;
        private readonly bool _inputGradient;

        public BranchesPlan(Branches layer, PlanBuilder builder, Shape input, out Shape output)
        {
            _operations = builder.Operations;
            _flow = builder.Gradients;
            _inputGradient = builder.InputGradient;
            // Branches may overwrite their input in evaluation, and the gradient of their output in the backward pass, so they get copies.
            if (!builder.Training)
                _input = builder.Scratch(input);
            if (builder.Training && _inputGradient)
                _sum = builder.Scratch(input);
            var widest = new Shape(input.First, input[1], layer.OutputSize);
            if (builder.Training)
                _gradient = builder.Scratch(widest);
            if (layer.Join == BranchJoin.Concatenate)
            {
                _columns = [.. layer._children.Select(child => child.Layer.OutputSize)];
                if (builder.Training)
                    _part = builder.Scratch(new Shape(input.First, input[1], _columns.Max()));
            }
            // The output grows from branch to branch, so it must not lie where a branch's own output does.
            _output = builder.Kept(widest, MemoryCategory.Activations);
            SequenceLayout? layout = builder.Layout;
            SequenceLayout? after = null;
            StepResets? marks = builder.Marks;
            var branches = new List<PlannedLayer>(layer._children.Length);
            output = widest;
            long scratch = 0;
            try
            {
                foreach ((string name, Layer child) in layer._children)
                {
                    builder.Layout = layout;
                    builder.Marks = marks;
                    builder.InputGradient = _inputGradient;
                    branches.Add(PlannedLayer.Of(builder, name, child, input, out Shape each));
                    bool alike = each.First == output.First && builder.Layout == after;
                    if (branches.Count > 1 && !alike)
                        throw new NotSupportedException(
                            "Of the layers in a Branches some pool over time and some do not: their outputs cannot be joined."
                        );
                    output = new Shape(each.First, each[1], layer.OutputSize);
                    after = builder.Layout;
                    scratch = Math.Max(scratch, builder.ScratchEnd);
                }
            }
            catch
            {
                branches.ForEach(branch => branch.Dispose());
                throw;
            }
            _branches = [.. branches];
            builder.ScratchEnd = scratch;
        }

        public override Tensor Forward(Tensor x)
        {
            Tensor kept = x;
            if (_input is not null)
            {
                kept = _input.For(x.Shape.First, x.Shape[1]);
                _operations.Copy(x, kept);
            }
            Tensor y = default;
            int column = 0;
            for (int i = 0; i < _branches.Length; i++)
            {
                Tensor each = _branches[i].Forward(kept);
                if (i == 0)
                    y = _output.For(each.Shape.First, each.Shape[1]);
                if (_columns is not null)
                {
                    _operations.CopyColumns(each, 0, y, column, _columns[i]);
                    column += _columns[i];
                }
                else if (i == 0)
                {
                    _operations.Copy(each, y);
                }
                else
                {
                    _operations.Add(each, y, y);
                }
            }
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            Tensor kept = _gradient!.For(dy.Shape.First, dy.Shape[1]);
            _operations.Copy(dy, kept);
            Tensor sum = default;
            int column = 0;
            for (int i = 0; i < _branches.Length; i++)
            {
                // Each branch may overwrite the gradient that it is given, so it gets a copy.
                if (_columns is not null)
                {
                    dy = _part!.For(kept.Shape.First, kept.Shape[1], _columns[i]);
                    _operations.CopyColumns(kept, column, dy, 0, _columns[i]);
                    column += _columns[i];
                }
                else if (i > 0)
                {
                    _operations.Copy(kept, dy);
                }
                Tensor dx = _branches[i].Backward(dy);
                if (!_inputGradient)
                    continue;
                if (i == _branches.Length - 1)
                {
                    // A branch that does nothing returns the copy that it was given, which does not outlive this layer.
                    if (_columns is not null && !_flow.Owns(dx))
                        dx = _flow.Whole(dx, dx.Shape.First);
                    return i == 0 ? dx : Joined(dx, sum);
                }
                sum = i == 0 ? Begun(dx) : Added(sum, dx);
            }
            return default;
        }

        // The sum lies at the end of its memory, so that a gradient of more steps can still be added to it.
        private Tensor Begun(Tensor dx)
        {
            Tensor sum = AtTheEnd(dx.Shape);
            _operations.Copy(dx, sum);
            return sum;
        }

        private Tensor Added(Tensor sum, Tensor dx)
        {
            int more = dx.Shape.First - sum.Shape.First;
            if (more > 0)
            {
                sum = AtTheEnd(dx.Shape);
                _operations.Fill(sum.Slice(0, more), 0f);
            }
            Tensor last = sum.Slice(sum.Shape.First - dx.Shape.First, dx.Shape.First);
            _operations.Add(last, dx, last);
            return sum;
        }

        // Adds the sum to the gradient of the last branch, which lies in memory that outlives this layer.
        private Tensor Joined(Tensor dx, Tensor sum)
        {
            int steps = sum.Shape.First;
            if (dx.Shape.First < steps)
                dx = _flow.Whole(dx, steps);
            Tensor last = dx.Slice(dx.Shape.First - steps, steps);
            _operations.Add(sum, last, last);
            return dx;
        }

        private Tensor AtTheEnd(Shape shape) =>
            _sum!.All.RowRange(_sum.All.Shape.Rows - shape.Rows, shape.Rows).View(shape);

        internal override IEnumerable<(string Name, Tensor Output)> Outputs =>
            _branches.SelectMany(branch => branch.NamedOutputs);

        public override void Dispose()
        {
            foreach (PlannedLayer branch in _branches)
                branch.Dispose();
            base.Dispose();
        }
    }
}
