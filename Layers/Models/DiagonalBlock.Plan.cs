namespace Sequor.Layers;

// The plan of a block: its memory for the largest batch, and its forward and backward passes.
public abstract partial class DiagonalBlock
{
    private sealed class BlockPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly SequenceLayout? _layout;
        private readonly StepResets? _resets;
        private readonly BlockFrame _frame;
        private readonly StepRanges _ranges;
        private readonly DiagonalScanOperation _scan;

        private readonly (Tensor Value, Tensor Gradient) _d;
        private readonly DiagonalPreparation _preparation;
        private readonly int _matrices;

        // What is kept for the backward pass.
        private readonly Slot _states;
        private readonly Slot? _reverseStates;
        private readonly Slot? _carried;
        private readonly Slot _mixed;
        private readonly Slot _output;
        private readonly Slot _lambda;
        private readonly Slot _b;
        private readonly Slot _c;

        // In a stream these serve all calls, and so do the products' factors and the scan's workspace.
        private readonly StreamPosition? _position;
        private readonly PreparedFactor _bFactor;

        // One for each direction.
        private readonly PreparedFactor[] _cFactors;

        // Scratch memory.
        private readonly Slot _scanWorkspace;
        private readonly Slot? _stateGradient;

        // Scratch memory too, unless they wait for those of other layers.
        private readonly Slot? _lambdaGradient;
        private readonly Slot? _bGradient;
        private readonly Slot? _cGradient;
        private Tensor _x;

        public BlockPlan(DiagonalBlock layer, PlanBuilder builder, Shape input)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _layout = builder.Layout;
            _resets = builder.Marks;
            int n = layer.StateSize;
            int d = layer.InputSize;
            (int steps, int batch) = (input.First, input[1]);
            _scan = builder.Own(
                _backend.PlanDiagonalScan(
                    new DiagonalScanDescriptor(n, steps, batch)
                    {
                        Training = builder.Training,
                        VariableLengths = builder.Layout is not null,
                        Carries = builder.Carries,
                        Resets = builder.Resets,
                    }
                )
            );
            _d = (builder.Value(layer._recurrence.D), builder.Gradient(layer._recurrence.D));
            DiagonalTensors values = layer._recurrence.Gather(builder.Value);
            DiagonalTensors gradients = layer._recurrence.Gather(builder.Gradient);
            _preparation = builder.Diagonals(values.Form);
            _matrices = _preparation.Join(() =>
                new DiagonalItem(
                    values,
                    new DiagonalMatrices(_lambda!.All, _b!.All, _c!.All),
                    _lambdaGradient is null
                        ? default
                        : new DiagonalMatrices(
                            _lambdaGradient.All,
                            _bGradient!.All,
                            _cGradient!.All
                        ),
                    gradients
                )
            );
            // Where states are carried there is one step more, which holds the state before the first step of a call.
            int before = builder.Carries ? 1 : 0;
            _states = builder.Keep(new Shape(checked(steps + before), batch, 2 * n));
            if (builder.Carries)
                _carried = builder.State(new Shape(1, batch, 2 * n));
            if (layer._settings.Bidirectional)
                _reverseStates = builder.Keep(new Shape(steps, batch, 2 * n));
            _mixed = builder.Keep(input);
            _position = builder.Prepares;
            _lambda = builder.Prepared(new Shape(n, 2));
            _b = builder.Prepared(new Shape(2 * n, d));
            _c = builder.Prepared(new Shape(layer.Directions * d, 2 * n));
            _bFactor = new PreparedFactor(builder, d, 2 * n, ranges: true);
            _cFactors = new PreparedFactor[layer.Directions];
            for (int i = 0; i < _cFactors.Length; i++)
                _cFactors[i] = new PreparedFactor(builder, 2 * n, d, ranges: true);
            _output = builder.Output(input);
            _frame = new BlockFrame(
                new BlockParts(
                    layer._norm,
                    layer._settings.Prenorm,
                    layer._settings.Mixing,
                    layer._out,
                    layer.DropoutProbability,
                    layer._settings.SharedDropout
                ),
                builder,
                input,
                7L * d + 2L * n,
                whole: false
            );
            _ranges = _frame.Ranges;
            _scanWorkspace = builder.Workspace(_scan.WorkspaceCount);
            if (!builder.Training)
                return;
            // Otherwise the gradient of the states lies where the gates do, which are no longer needed by then.
            int gates = layer._settings.Mixing switch
            {
                BlockMixing.Glu => 2 * d,
                BlockMixing.HalfGlu => d,
                _ => 0,
            };
            if (2 * n > gates)
                _stateGradient = builder.Scratch(new Shape(_ranges.MostRows, 2 * n));
            _lambdaGradient = builder.PreparedGradient(Shape.Block(_scan.LambdaGradientCount));
            _bGradient = builder.PreparedGradient(new Shape(2 * n, d));
            _cGradient = builder.PreparedGradient(new Shape(layer.Directions * d, 2 * n));
        }

        // C' and its gradient are one matrix for each direction.
        private static Tensor Direction(Slot c, Tensor like, int direction) =>
            c.All.RowRange((long)direction * like.Shape.Columns, like.Shape.Columns);

        private Tensor All(Slot states) =>
            _layout is { IsPacked: true }
                ? states.For(_layout.Rows, 1)
                : states.For(_ranges.Steps + (_carried is null ? 0 : 1), _ranges.Batch);

        private Tensor Rows(Slot all, ScanRange range) => _ranges.Of(all, range);

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            if (!IsPrepared)
                _preparation.Forward();
            _frame.Begin(x);
            BeginFactors();
            if (_carried is null)
                ForwardAll(y);
            else
                GoOn(y);
            _frame.End(y);
            return y;
        }

        private void BeginFactors()
        {
            _bFactor.Begin();
            foreach (PreparedFactor factor in _cFactors)
                factor.Begin();
        }

        private bool IsPrepared => _position is { NewWeights: false };

        private void ForwardAll(Tensor y)
        {
            Tensor states = All(_states);
            for (int first = 0; first < _ranges.Steps; )
            {
                ScanRange range = _ranges.From(first);
                Tensor u = Rows(_states, range);
                Tensor normed = Project(u, range);
                if (_reverseStates is not null)
                    _backend.Copy(u, Rows(_reverseStates, range));
                _scan.Forward(
                    _lambda.All,
                    states,
                    _layout,
                    range,
                    _scanWorkspace.All,
                    resets: _resets
                );
                if (_reverseStates is null)
                    Finish(y, normed, u, range);
                first = range.End;
            }
            for (int end = _ranges.Steps; _reverseStates is not null && end > 0; )
            {
                ScanRange range = _ranges.Until(end);
                _scan.Forward(
                    _lambda.All,
                    All(_reverseStates),
                    _layout,
                    range with
                    {
                        Reverse = true,
                    },
                    _scanWorkspace.All,
                    resets: _resets
                );
                Finish(y, _frame.CoreInput(range, true), Rows(_states, range), range);
                end = range.First;
            }
        }

        // The states have one step more: the one before the first.
        private void GoOn(Tensor y)
        {
            int steps = _ranges.Steps;
            Tensor states = All(_states);
            Tensor carried = _carried!.For(1, _ranges.Batch);
            _backend.Copy(carried, states.Slice(0, 1));
            for (int first = 0; first < steps; )
            {
                ScanRange range = _ranges.From(first);
                ScanRange after = OfStates(range);
                Tensor u = Rows(_states, after);
                Tensor normed = Project(u, range);
                _scan.Forward(
                    _lambda.All,
                    states,
                    null,
                    after,
                    _scanWorkspace.All,
                    IsPrepared,
                    _resets
                );
                Finish(y, normed, u, range);
                first = range.End;
            }
            _backend.Copy(states.Slice(steps, 1), carried);
        }

        // Where the states of a range lie.
        private ScanRange OfStates(ScanRange range) =>
            _carried is null ? range : range with { First = range.First + 1 };

        private Tensor Project(Tensor u, ScanRange range)
        {
            Tensor normed = _frame.CoreInput(range, false);
            _bFactor.Multiply(normed, _b.All, u);
            return normed;
        }

        private void Finish(Tensor y, Tensor normed, Tensor states, ScanRange range)
        {
            Tensor mixed = Rows(_mixed, range);
            _cFactors[0].Multiply(states, Direction(_c, mixed, 0), mixed);
            if (_reverseStates is not null)
                _cFactors[1]
                    .Multiply(
                        Rows(_reverseStates, range),
                        Direction(_c, mixed, 1),
                        mixed,
                        accumulate: true
                    );
            _backend.Pointwise(
                PointwiseOp.MultiplyAddGelu,
                new PointwiseArguments
                {
                    A = normed,
                    B = mixed,
                    Row = _d.Value,
                    Out = _frame.Hidden(range),
                }
            );
            _frame.Finish(y, range);
        }

        public override Tensor Backward(Tensor dy)
        {
            dy = _flow.Whole(dy, _x.Shape.First);
            _frame.BeginBackward(dy, _mixed.All);
            BeginFactors();
            for (int end = _ranges.Steps; end > 0; )
            {
                ScanRange range = _ranges.Until(end);
                (Tensor hidden, Tensor normed) = BackwardToMixed(dy, range);
                bool resume = end < _ranges.Steps;
                Tensor states = Rows(_states, OfStates(range));
                SumProducts(hidden, states, Direction(_cGradient!, hidden, 0), resume);
                Tensor du = BackwardScan(hidden, _states, 0, range);
                if (_reverseStates is null)
                {
                    BackwardToInput(dy, hidden, normed, du, range, resume);
                }
                else
                {
                    SumProducts(
                        hidden,
                        Rows(_reverseStates, range),
                        Direction(_cGradient!, hidden, 1),
                        resume
                    );
                    // These are for the pass of the other direction. What they overwrite is not read again.
                    _backend.Copy(hidden, Rows(_mixed, range));
                    _backend.Copy(du, states);
                }
                end = range.First;
            }
            for (int first = 0; _reverseStates is not null && first < _ranges.Steps; )
            {
                ScanRange range = _ranges.From(first);
                Tensor hidden = Rows(_mixed, range);
                Tensor du = BackwardScan(hidden, _reverseStates, 1, range with { Reverse = true });
                _backend.Pointwise(
                    PointwiseOp.Add,
                    new PointwiseArguments
                    {
                        A = du,
                        B = Rows(_states, range),
                        Out = du,
                    }
                );
                BackwardToInput(dy, hidden, _frame.CoreInput(range, true), du, range, first > 0);
                first = range.End;
            }
            _frame.EndBackward(dy);
            _preparation.Backward(_matrices, _scan.LambdaGradient(_lambdaGradient!.All));
            return dy;
        }

        // From the gradient of the output computes that of Re(C h) + D z, and z again.
        private (Tensor Gradient, Tensor Normed) BackwardToMixed(Tensor dy, ScanRange range)
        {
            // It may lie in the rows of dy, which are the gradient of the skip as well.
            Tensor hidden = _frame.BackwardToHidden(dy, _mixed.All, range);
            Tensor place = _frame.Hidden(range);
            Tensor normed = _frame.CoreInputAgain(
                range,
                new PointwiseArguments
                {
                    A = hidden,
                    B = Rows(_mixed, range),
                    Sum = _d.Gradient,
                    Out = place,
                }
            );
            return (place, normed);
        }

        private Tensor BackwardScan(Tensor hidden, Slot states, int direction, ScanRange range)
        {
            Tensor like = Rows(states, OfStates(range));
            Tensor gradient = _stateGradient is null
                ? _frame.Mixed(range).View(like.Shape)
                : _ranges.Part(_stateGradient, range);
            _cFactors[direction].MultiplyBack(hidden, Direction(_c, hidden, direction), gradient);
            _scan.Backward(
                _lambda.All,
                All(states),
                _layout,
                gradient,
                OfStates(range),
                _lambdaGradient!.All,
                direction > 0,
                _scanWorkspace.All,
                _resets
            );
            return gradient;
        }

        private void BackwardToInput(
            Tensor dy,
            Tensor hidden,
            Tensor normed,
            Tensor du,
            ScanRange range,
            bool resume
        )
        {
            SumProducts(du, normed, _bGradient!.All, resume);
            (Tensor dz, bool accumulate) = _frame.CoreInputGradient(dy, range);
            _bFactor.MultiplyBack(du, _b.All, dz, accumulate);
            _frame.InputBackward(dy, dz, hidden, _d.Value, range);
        }

        private void SumProducts(Tensor a, Tensor b, Tensor c, bool accumulate) =>
            _backend.MatMul(
                new MatrixProduct
                {
                    A = a,
                    TransposeA = true,
                    B = b,
                    C = c,
                    Accumulate = accumulate,
                }
            );

        public override void Dispose()
        {
            _frame.Dispose();
            _scan.Dispose();
            base.Dispose();
        }
    }
}
