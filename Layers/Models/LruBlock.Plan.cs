namespace Sequor.Layers;

// The plan of an LRU block: its memory for the largest batch, and its forward and backward passes.
public sealed partial class LruBlock
{
    private sealed partial class BlockPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly RandomStream? _random;
        private readonly float _probability;
        private readonly int _stream;
        private readonly bool _shared;
        private readonly SequenceLayout? _layout;
        private readonly BlockNorm _norm;
        private readonly DiagonalScanOperation _scan;

        private readonly (Tensor Value, Tensor Gradient) _outWeight;
        private readonly (Tensor Value, Tensor Gradient) _outBias;
        private readonly (Tensor Value, Tensor Gradient) _d;
        private readonly LruTensors _values;
        private readonly LruTensors _gradients;

        // What is kept for the backward pass.
        private readonly Slot _states;
        private readonly Slot? _reverseStates;
        private readonly Slot? _carried;
        private readonly Slot _mixed;
        private readonly Slot _gates;
        private readonly Slot _output;
        private readonly Slot _lambda;
        private readonly Slot _b;
        private readonly Slot _c;

        // Scratch memory.
        private readonly Slot _hidden;
        private readonly Slot _scanWorkspace;
        private readonly Slot? _stateGradient;
        private readonly Slot? _lambdaGradient;
        private readonly Slot? _bGradient;
        private readonly Slot? _cGradient;
        private readonly long _chunkRows;
        private Tensor _x;
        private int _steps;
        private int _batch;

        public BlockPlan(LruBlock layer, PlanBuilder builder, Shape input)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _layout = builder.Layout;
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
                    }
                )
            );
            _outWeight = Both(layer._out.Parameters[0]);
            _outBias = Both(layer._out.Parameters[1]);
            _d = Both(layer._d);
            _values = Gather(builder.Value);
            _gradients = Gather(builder.Gradient);
            // Where states are carried there is one step more, which holds the state before the first step of a call.
            int before = builder.Carries ? 1 : 0;
            _states = builder.Keep(new Shape(checked(steps + before), batch, 2 * n));
            if (builder.Carries)
                _carried = builder.State(new Shape(1, batch, 2 * n));
            if (layer.Options.Bidirectional)
                _reverseStates = builder.Keep(new Shape(steps, batch, 2 * n));
            _mixed = builder.Keep(input);
            _gates = builder.Keep(new Shape(steps, batch, 2 * d));
            _lambda = builder.Keep(new Shape(n, 2));
            _b = builder.Keep(new Shape(2 * n, d));
            _c = builder.Keep(new Shape(layer.Directions * d, 2 * n));
            _output = builder.Output(input);
            _chunkRows = Math.Clamp(
                _backend.PreferredRows(7L * d + 2L * n),
                batch,
                (long)steps * batch
            );
            int chunkRows = checked((int)_chunkRows);
            _norm = new BlockNorm(
                layer._norm,
                layer.Options.Prenorm,
                builder,
                input,
                new Shape(chunkRows, d)
            );
            _hidden = builder.Scratch(new Shape(chunkRows, d));
            _scanWorkspace = builder.Scratch(_scan.WorkspaceCount);
            if (!builder.Training)
                return;
            // Otherwise the gradient of the states lies where the gates do, which are no longer needed by then.
            if (n > d)
                _stateGradient = builder.Scratch(new Shape(chunkRows, 2 * n));
            _lambdaGradient = builder.Scratch(_scan.LambdaGradientCount);
            _bGradient = builder.Scratch(new Shape(2 * n, d));
            _cGradient = builder.Scratch(new Shape(layer.Directions * d, 2 * n));
            if (layer.DropoutProbability == 0)
                return;
            _random = builder.Random;
            _probability = layer.DropoutProbability;
            _shared = layer.Options.SharedDropout;
            _stream = builder.NextStream();
            builder.NextStream();

            (Tensor, Tensor) Both(Parameter p) => (builder.Value(p), builder.Gradient(p));

            LruTensors Gather(Func<Parameter, Tensor> of) =>
                new(
                    of(layer._nu),
                    of(layer._theta),
                    of(layer._gamma),
                    of(layer._bReal),
                    of(layer._bImaginary),
                    of(layer._cReal),
                    of(layer._cImaginary)
                );
        }

        // Everything in the block but its sums over all rows runs through time in ranges of steps, whose values stay in the cache from one
        // operation to the next. The scan continues from range to range.
        private ScanRange From(int first)
        {
            if (_layout is not { IsPacked: true })
                return new ScanRange(first, Math.Min(_steps - first, StepsOfChunk));
            int end = first + 1;
            while (end < _steps && Row(end + 1) - Row(first) <= _chunkRows)
                end++;
            return new ScanRange(first, end - first);
        }

        private ScanRange Until(int end)
        {
            if (_layout is not { IsPacked: true })
            {
                int count = Math.Min(end, StepsOfChunk);
                return new ScanRange(end - count, count);
            }
            int first = end - 1;
            while (first > 0 && Row(end) - Row(first - 1) <= _chunkRows)
                first--;
            return new ScanRange(first, end - first);
        }

        // The steps of a range of sequences of equal length; a step is never divided.
        private int StepsOfChunk => (int)Math.Clamp(_chunkRows / _batch, 1, int.MaxValue);

        private long Row(int step) =>
            _layout is { IsPacked: true } ? _layout.Row(step) : (long)step * _batch;

        private Tensor Rows(Tensor all, ScanRange range) =>
            all.RowRange(Row(range.First), Row(range.End) - Row(range.First));

        private Tensor Rows(Slot all, ScanRange range) => Rows(all.All, range);

        // The part of scratch memory for as many rows as a range has.
        private Tensor Part(Slot scratch, ScanRange range) =>
            scratch.All.RowRange(0, Row(range.End) - Row(range.First));

        // C' and its gradient are one matrix for each direction.
        private static Tensor Direction(Slot c, Tensor like, int direction) =>
            c.All.RowRange((long)direction * like.Shape.Columns, like.Shape.Columns);

        private Tensor All(Slot states) =>
            _layout is { IsPacked: true }
                ? states.For(_layout.Rows, 1)
                : states.For(_steps, _batch);

        public override Tensor Forward(Tensor x)
        {
            bool packed = _layout is { IsPacked: true };
            (_steps, _batch) = packed
                ? (_layout!.Steps, _layout.Batch)
                : (x.Shape.First, x.Shape[1]);
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _backend.LruParametrization(_values, new LruMatrices(_lambda.All, _b.All, _c.All));
            _norm.Begin(x);
            if (_carried is null)
                ForwardAll(x, y);
            else
                GoOn(x, y);
            _norm.End(y);
            return y;
        }

        private void ForwardAll(Tensor x, Tensor y)
        {
            Tensor states = All(_states);
            for (int first = 0; first < _steps; )
            {
                ScanRange range = From(first);
                Tensor u = Rows(_states, range);
                Tensor normed = Project(x, u, range);
                if (_reverseStates is not null)
                    _backend.Copy(u, Rows(_reverseStates, range));
                _scan.Forward(_lambda.All, states, _layout, range, _scanWorkspace.All);
                if (_reverseStates is null)
                    Finish(x, y, normed, u, range);
                first = range.End;
            }
            for (int end = _steps; _reverseStates is not null && end > 0; )
            {
                ScanRange range = Until(end);
                _scan.Forward(
                    _lambda.All,
                    All(_reverseStates),
                    _layout,
                    range with
                    {
                        Reverse = true,
                    },
                    _scanWorkspace.All
                );
                Finish(x, y, Normed(x, range, true), Rows(_states, range), range);
                end = range.First;
            }
        }

        // The states have one step more: the one before the first.
        private void GoOn(Tensor x, Tensor y)
        {
            Tensor states = _states.For(_steps + 1, _batch);
            Tensor carried = _carried!.For(1, _batch);
            _backend.Copy(carried, states.Slice(0, 1));
            for (int first = 0; first < _steps; )
            {
                ScanRange range = From(first);
                ScanRange after = OfStates(range);
                Tensor u = Rows(_states, after);
                Tensor normed = Project(x, u, range);
                _scan.Forward(_lambda.All, states, null, after, _scanWorkspace.All);
                Finish(x, y, normed, u, range);
                first = range.End;
            }
            _backend.Copy(states.Slice(_steps, 1), carried);
        }

        // Where the states of a range lie.
        private ScanRange OfStates(ScanRange range) =>
            _carried is null ? range : range with { First = range.First + 1 };

        private Tensor Normed(Tensor x, ScanRange range, bool again) =>
            _norm.Input(Rows(x, range), Row(range.First), again);

        private Tensor Project(Tensor x, Tensor u, ScanRange range)
        {
            Tensor normed = Normed(x, range, false);
            Multiply(normed, _b.All, true, u);
            return normed;
        }

        private void Finish(Tensor allX, Tensor allY, Tensor normed, Tensor states, ScanRange range)
        {
            Tensor x = Rows(allX, range);
            Tensor y = Rows(allY, range);
            Tensor mixed = Rows(_mixed, range);
            Tensor gates = Rows(_gates, range);
            Tensor hidden = Part(_hidden, range);
            Multiply(states, Direction(_c, x, 0), true, mixed);
            if (_reverseStates is not null)
                Multiply(
                    Rows(_reverseStates, range),
                    Direction(_c, x, 1),
                    true,
                    mixed,
                    default,
                    true
                );
            _backend.Pointwise(
                PointwiseOp.MultiplyAddGelu,
                new PointwiseArguments
                {
                    A = normed,
                    B = mixed,
                    Row = _d.Value,
                    Out = hidden,
                }
            );
            DropHidden(hidden, range);
            Multiply(
                hidden,
                _outWeight.Value,
                true,
                gates,
                _backend.AddsBiasInProducts ? _outBias.Value : default
            );
            AddGated(x, gates, y, range);
            _norm.Output(y, Row(range.First));
        }

        // Where a product does not add its bias, the gates are kept without it, and it is added where they are read.
        private Tensor GateBias => _backend.AddsBiasInProducts ? default : _outBias.Value;

        // sum = x + out1 sigmoid(out2), with dropout of the product.
        private void AddGated(Tensor x, Tensor gates, Tensor sum, ScanRange range)
        {
            _backend.Pointwise(
                PointwiseOp.AddGlu,
                new PointwiseArguments
                {
                    A = _random is null ? x : default,
                    B = gates,
                    Row = GateBias,
                    Out = sum,
                }
            );
            if (_random is null)
                return;
            Drop(sum, sum, 1, range);
            _backend.Pointwise(
                PointwiseOp.Add,
                new PointwiseArguments
                {
                    A = x,
                    B = sum,
                    Out = sum,
                }
            );
        }

        // Computes the block's output before its norm again, in scratch memory.
        private Tensor SumAgain(ScanRange range)
        {
            Tensor sum = Part(_hidden, range);
            AddGated(Rows(_x, range), Rows(_gates, range), sum, range);
            return sum;
        }

        public override Tensor Backward(Tensor dy)
        {
            dy = _flow.Whole(dy, _x.Shape.First);
            for (int first = 0; _norm.SeesOutputs && first < _steps; )
            {
                ScanRange range = From(first);
                _norm.See(SumAgain(range), Rows(dy, range));
                first = range.End;
            }
            _norm.BeginBackward();
            for (int end = _steps; end > 0; )
            {
                ScanRange range = Until(end);
                Tensor normed = Normed(_x, range, true);
                Tensor hidden = BackwardToMixed(dy, normed, range);
                bool resume = end < _steps;
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
            for (int first = 0; _reverseStates is not null && first < _steps; )
            {
                ScanRange range = From(first);
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
                BackwardToInput(dy, hidden, Normed(_x, range, true), du, range, first > 0);
                first = range.End;
            }
            _norm.EndBackward(_x, dy);
            _backend.LruParametrizationGradient(
                _values,
                new LruMatrices(
                    _scan.LambdaGradient(_lambdaGradient!.All),
                    _bGradient!.All,
                    _cGradient!.All
                ),
                _gradients
            );
            return dy;
        }

        // From the gradient of the output computes that of Re(C h) + D z, through the gate, whose gradient overwrites the gates.
        private Tensor BackwardToMixed(Tensor allDy, Tensor normed, ScanRange range)
        {
            Tensor mixed = Rows(_mixed, range);
            Tensor gates = Rows(_gates, range);
            Tensor hidden = Part(_hidden, range);
            Tensor gated = Rows(allDy, range);
            if (_norm.OfOutput)
                _norm.OutputBackward(SumAgain(range), gated, Row(range.First));
            if (_random is not null)
            {
                Drop(gated, hidden, 1, range);
                gated = hidden;
            }
            _backend.Pointwise(
                PointwiseOp.AddGluGradientAndGelu,
                new PointwiseArguments
                {
                    A = gated,
                    B = gates,
                    C = mixed,
                    Row = GateBias,
                    Sum = _outBias.Gradient,
                    Out = hidden,
                }
            );
            DropHidden(hidden, range);
            SumProducts(gates, hidden, _outWeight.Gradient, true);
            Multiply(gates, _outWeight.Value, false, hidden);
            DropHidden(hidden, range);
            _backend.Pointwise(
                PointwiseOp.MultiplyAddGeluGradient,
                new PointwiseArguments
                {
                    A = hidden,
                    B = mixed,
                    C = normed,
                    Sum = _d.Gradient,
                    Out = hidden,
                }
            );
            return hidden;
        }

        private Tensor BackwardScan(Tensor hidden, Slot states, int direction, ScanRange range)
        {
            Tensor like = Rows(states, OfStates(range));
            Tensor gradient = _stateGradient is null
                ? Rows(_gates, range).View(like.Shape)
                : Part(_stateGradient, range);
            Multiply(hidden, Direction(_c, hidden, direction), false, gradient);
            _scan.Backward(
                _lambda.All,
                _carried is null ? All(states) : states.For(_steps + 1, _batch),
                _layout,
                gradient,
                OfStates(range),
                _lambdaGradient!.All,
                direction > 0,
                _scanWorkspace.All
            );
            return gradient;
        }

        private void BackwardToInput(
            Tensor allDy,
            Tensor hidden,
            Tensor normed,
            Tensor du,
            ScanRange range,
            bool resume
        )
        {
            SumProducts(du, normed, _bGradient!.All, resume);
            long row = Row(range.First);
            (Tensor dz, bool accumulate) = _norm.InputGradient(allDy, row, normed.Shape.Rows);
            Multiply(du, _b.All, false, dz, accumulate: accumulate);
            MultiplyAdd(hidden, _d.Value, dz);
            _norm.InputBackward(Rows(_x, range), dz, Rows(allDy, range), row);
        }

        private void Multiply(
            Tensor a,
            Tensor b,
            bool transposeB,
            Tensor c,
            Tensor bias = default,
            bool accumulate = false
        ) =>
            _backend.MatMul(
                new MatrixProduct
                {
                    A = a,
                    B = b,
                    TransposeB = transposeB,
                    C = c,
                    Bias = bias,
                    Accumulate = accumulate,
                }
            );

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

        private void MultiplyAdd(Tensor a, Tensor row, Tensor result) =>
            _backend.Pointwise(
                PointwiseOp.MultiplyAdd,
                new PointwiseArguments
                {
                    A = a,
                    Row = row,
                    Out = result,
                }
            );

        public override void Dispose()
        {
            _norm.Dispose();
            _scan.Dispose();
            base.Dispose();
        }
    }
}
