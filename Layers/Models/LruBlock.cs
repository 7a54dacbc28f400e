namespace Sequor.Layers;

/// <summary>
/// One block: z = norm(x); states h_t = lambda h_{t-1} + exp(gamma_log) B z_t, complex and diagonal;
/// y = gelu(Re(C h) + D z); x + out1(y) sigmoid(out2(y)), with dropout after the gelu and after the gate.
/// Or z = x, and norm(x + out1(y) sigmoid(out2(y))). lambda = exp(-exp(nu_log) + i exp(theta_log)). Source: Orvieto et al. (2023), section 3, and their code, whose gelu is
/// the tanh form.
/// </summary>
public sealed class LruBlock : Layer
{
    private readonly Layer _norm;
    private readonly Parameter _nu;
    private readonly Parameter _theta;
    private readonly Parameter _gamma;
    private readonly Parameter _bReal;
    private readonly Parameter _bImaginary;
    private readonly Parameter _cReal;
    private readonly Parameter _cImaginary;
    private readonly Parameter _d;
    private readonly Linear _out;

    /// <summary>A block.</summary>
    /// <param name="modelSize">Channels in and out, at least 1.</param>
    /// <param name="stateSize">Complex states, at least 1.</param>
    /// <param name="dropout">At least 0, below 1.</param>
    /// <param name="ring">Where the eigenvalues begin.</param>
    /// <exception cref="ArgumentException">A size, the probability or the ring is out of range.</exception>
    public LruBlock(int modelSize, int stateSize, float dropout = 0f, LruRing? ring = null)
        : this(
            modelSize,
            stateSize,
            new LruOptions { Dropout = dropout, Ring = ring ?? new LruRing() }
        ) { }

    /// <summary>A block with options.</summary>
    /// <param name="modelSize">Channels in and out, at least 1.</param>
    /// <param name="stateSize">Complex states, at least 1.</param>
    /// <param name="options">Norm, dropout, ring.</param>
    /// <exception cref="ArgumentException">A size or an option is out of range.</exception>
    public LruBlock(int modelSize, int stateSize, LruOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
        InputSize = RequirePositive(modelSize);
        StateSize = RequirePositive(stateSize);
        RequireProbability(options.Dropout, "dropout");
        LruRing start = options.Ring;
        start.Validate();
        var states = new Shape(stateSize);
        var b = new Shape(stateSize, modelSize);
        var c = new Shape(modelSize, stateSize);
        double min = start.MinRadius * start.MinRadius;
        double max = start.MaxRadius * start.MaxRadius;
        _nu = new(
            "nu_log",
            states,
            (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
            {
                foreach (ref float value in values)
                    value = (float)Math.Log(-0.5 * Math.Log(Draw(ref random) * (max - min) + min));
            }
        );
        _theta = new(
            "theta_log",
            states,
            (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
            {
                foreach (ref float value in values)
                    value = (float)Math.Log(start.MaxPhase * Draw(ref random));
            }
        );
        _gamma = new(
            "gamma_log",
            states,
            (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> drawn) =>
            {
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)(
                        0.5 * Math.Log(1 - Math.Exp(-2 * Math.Exp(drawn[_nu!][i])))
                    );
            }
        );
        _bReal = new("B_re", b, Parameter.Normal(1 / Math.Sqrt(2.0 * modelSize)));
        _bImaginary = new("B_im", b, Parameter.Normal(1 / Math.Sqrt(2.0 * modelSize)));
        _cReal = new("C_re", c, Parameter.Normal(1 / Math.Sqrt(stateSize)));
        _cImaginary = new("C_im", c, Parameter.Normal(1 / Math.Sqrt(stateSize)));
        _d = new("D", new Shape(modelSize), Parameter.Normal(1));
        Parameters = [_nu, _theta, _gamma, _bReal, _bImaginary, _cReal, _cImaginary, _d];
        _norm = LruOptions.CreateNorm(options, modelSize);
        _out = new Linear(modelSize, 2 * modelSize);
        Children = [("norm", _norm), ("out", _out)];
    }

    // In (0, 1): a logarithm is taken of it.
    private static double Draw(ref Philox random) => (random.NextBits() + 0.5) / 4294967296.0;

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>Complex states.</summary>
    public int StateSize { get; }

    /// <summary>Norm, dropout, ring.</summary>
    public LruOptions Options { get; }

    /// <summary>Probability that a value becomes zero after the gelu and after the gate.</summary>
    public float DropoutProbability => Options.Dropout;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children { get; }

    internal override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        output = input;
        return new BlockPlan(this, builder, input);
    }

    private sealed class BlockPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly RandomStream? _random;
        private readonly float _probability;
        private readonly int _stream;
        private readonly BlockNorm _norm;
        private readonly DiagonalScanOperation _scan;

        private readonly (Tensor Value, Tensor Gradient) _outWeight;
        private readonly (Tensor Value, Tensor Gradient) _outBias;
        private readonly (Tensor Value, Tensor Gradient) _d;
        private readonly LruTensors _values;
        private readonly LruTensors _gradients;

        // Kept for backward.
        private readonly Slot _states;
        private readonly Slot? _carried;
        private readonly Slot _mixed;
        private readonly Slot _gates;
        private readonly Slot _output;
        private readonly Slot _lambda;
        private readonly Slot _b;
        private readonly Slot _c;

        // Scratch.
        private readonly Slot _hidden;
        private readonly Slot _scanWorkspace;
        private readonly Slot? _stateGradient;
        private readonly Slot? _lambdaGradient;
        private readonly Slot? _bGradient;
        private readonly Slot? _cGradient;
        private readonly long _rows;
        private Tensor _x;

        public BlockPlan(LruBlock layer, PlanBuilder builder, Shape input)
        {
            _backend = builder.Backend;
            _flow = builder.Gradients;
            int n = layer.StateSize;
            int d = layer.InputSize;
            (int steps, int batch) = (input.First, input[1]);
            _scan = _backend.PlanDiagonalScan(new DiagonalScanDescriptor(d, n, steps, batch));
            _outWeight = Both(layer._out.Parameters[0]);
            _outBias = Both(layer._out.Parameters[1]);
            _d = Both(layer._d);
            _values = Gather(builder.Value);
            _gradients = Gather(builder.Gradient);
            // In a stream a step more: the one before.
            int before = builder.Streaming ? 1 : 0;
            _states = builder.Keep(new Shape(steps + before, batch, 2 * n));
            if (builder.Streaming)
                _carried = builder.State(new Shape(1, batch, 2 * n));
            _mixed = builder.Keep(input);
            _gates = builder.Keep(new Shape(steps, batch, 2 * d));
            _lambda = builder.Keep(new Shape(n, 2));
            _b = builder.Keep(new Shape(2 * n, d));
            _c = builder.Keep(new Shape(d, 2 * n));
            _output = builder.Output(input);
            _rows = _backend.PreferredRows(7L * d + 2L * n);
            var chunk = new Shape(ChunkSteps(batch, steps), batch, d);
            _norm = new BlockNorm(layer._norm, layer.Options.Prenorm, builder, input, chunk);
            _hidden = builder.Scratch(chunk);
            _scanWorkspace = builder.Scratch(_scan.WorkspaceCount);
            if (!builder.Training)
                return;
            _stateGradient = builder.Scratch(new Shape(chunk.First, batch, 2 * n));
            _lambdaGradient = builder.Scratch(new Shape(n, 2));
            _bGradient = builder.Scratch(new Shape(2 * n, d));
            _cGradient = builder.Scratch(new Shape(d, 2 * n));
            builder.Flow(FlowUse.Whole, input.Count);
            if (layer.DropoutProbability == 0)
                return;
            _random = builder.Random;
            _probability = layer.DropoutProbability;
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

        // All of the block but its sums runs through time in chunks, whose values stay in the cache from one operation to
        // the next; the scan goes on from chunk to chunk.
        private int ChunkSteps(int batch, int steps) => (int)Math.Clamp(_rows / batch, 1, steps);

        public override Tensor Forward(Tensor x)
        {
            (int steps, int batch) = (x.Shape.First, x.Shape[1]);
            Tensor y = _output.For(steps, batch);
            _scan.Prepare(_values, _lambda.All, _b.All, _c.All);
            int chunk = Math.Min(ChunkSteps(batch, steps), _hidden.All.Shape.First);
            _norm.Begin(x);
            int before = _carried is null ? 0 : 1;
            Tensor states = _states.For(steps + before, batch);
            if (_carried is not null)
                _backend.Copy(_carried.For(1, batch), states.Slice(0, 1));
            for (int first = 0; first < steps; first += chunk)
            {
                int count = Math.Min(chunk, steps - first);
                ForwardChunk(x, y, states, before, first, count);
                _norm.Output(y.Slice(first, count), first);
            }
            _norm.End(y);
            if (_carried is not null)
                _backend.Copy(states.Slice(steps, 1), _carried.For(1, batch));
            _x = x;
            return y;
        }

        private void ForwardChunk(
            Tensor allX,
            Tensor allY,
            Tensor allStates,
            int before,
            int first,
            int count
        )
        {
            (int steps, int batch) = (allX.Shape.First, allX.Shape[1]);
            Tensor x = allX.Slice(first, count);
            Tensor y = allY.Slice(first, count);
            Tensor states = allStates.Slice(first + before, count);
            Tensor mixed = _mixed.For(steps, batch).Slice(first, count);
            Tensor gates = _gates.For(steps, batch).Slice(first, count);
            Tensor hidden = _hidden.For(count, batch);
            Tensor normed = _norm.Input(x, first, false);
            Multiply(normed, _b.All, true, states);
            _scan.Forward(_lambda.All, allStates, first + before, count, _scanWorkspace.All);
            Multiply(states, _c.All, true, mixed);
            AddTimesRow(normed, _d.Value, mixed);
            Gelu(mixed, hidden, first);
            Multiply(hidden, _outWeight.Value, true, gates, _outBias.Value);
            AddGated(x, gates, y, first);
        }

        // sum = x + out1 sigmoid(out2), with dropout of the latter.
        private void AddGated(Tensor x, Tensor gates, Tensor sum, int first)
        {
            _backend.Pointwise(
                PointwiseOp.Glu,
                new PointwiseArguments
                {
                    A = _random is null ? x : default,
                    B = gates,
                    Out = sum,
                }
            );
            if (_random is null)
                return;
            Drop(sum, sum, 1, first);
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

        public override Tensor Backward(Tensor dy)
        {
            (int steps, int batch) = (_x.Shape.First, _x.Shape[1]);
            dy = _flow.Whole(dy, steps);
            int chunk = Math.Min(ChunkSteps(batch, steps), _hidden.All.Shape.First);
            for (int first = 0; _norm.SeesOutputs && first < steps; first += chunk)
            {
                int count = Math.Min(chunk, steps - first);
                _norm.See(SumAgain(first, count), dy.Slice(first, count));
            }
            _norm.BeginBackward();
            for (int end = steps; end > 0; end -= chunk)
            {
                int first = Math.Max(0, end - chunk);
                BackwardChunk(dy, first, end - first);
            }
            _norm.EndBackward(_x, dy);
            _scan.PrepareGradient(
                _values,
                _lambda.All,
                _lambdaGradient!.All,
                _bGradient!.All,
                _cGradient!.All,
                _gradients
            );
            return dy;
        }

        // What the block's output was before a norm of it; in scratch.
        private Tensor SumAgain(int first, int count)
        {
            Tensor sum = _hidden.For(count, _x.Shape[1]);
            Tensor gates = _gates.For(_x.Shape.First, _x.Shape[1]).Slice(first, count);
            AddGated(_x.Slice(first, count), gates, sum, first);
            return sum;
        }

        private void BackwardChunk(Tensor allDy, int first, int count)
        {
            (int steps, int batch) = (allDy.Shape.First, allDy.Shape[1]);
            bool resume = first + count < steps;
            Tensor x = _x.Slice(first, count);
            Tensor dy = allDy.Slice(first, count);
            Tensor states = _states.For(steps, batch);
            Tensor mixed = _mixed.For(steps, batch).Slice(first, count);
            Tensor gates = _gates.For(steps, batch).Slice(first, count);
            Tensor hidden = _hidden.For(count, batch);
            Tensor stateGradient = _stateGradient!.For(count, batch);
            if (_norm.OfOutput)
                _norm.OutputBackward(SumAgain(first, count), dy, first);

            // The gate: its gradient takes its place.
            Tensor gated = dy;
            if (_random is not null)
            {
                gated = hidden;
                Drop(dy, gated, 1, first);
            }
            _backend.Pointwise(
                PointwiseOp.GluGradient,
                new PointwiseArguments
                {
                    A = gated,
                    B = gates,
                    Out = gates,
                }
            );
            Gelu(mixed, hidden, first);
            SumProducts(gates, hidden, _outWeight.Gradient, true);
            _backend.ColumnSum(gates, default, _outBias.Gradient);
            Multiply(gates, _outWeight.Value, false, hidden);
            if (_random is not null)
                Drop(hidden, hidden, 0, first);
            _backend.Pointwise(
                PointwiseOp.GeluGradient,
                new PointwiseArguments
                {
                    A = hidden,
                    B = mixed,
                    Out = hidden,
                }
            );

            // The recurrence.
            Tensor normed = _norm.Input(x, first, true);
            _backend.ColumnSum(hidden, normed, _d.Gradient);
            SumProducts(hidden, states.Slice(first, count), _cGradient!.All, resume);
            Multiply(hidden, _c.All, false, stateGradient);
            _scan.Backward(
                _lambda.All,
                states,
                stateGradient,
                first,
                _lambdaGradient!.All,
                _scanWorkspace.All
            );
            SumProducts(stateGradient, normed, _bGradient!.All, resume);
            (Tensor dz, bool accumulate) = _norm.InputGradient(allDy, first, count);
            Multiply(stateGradient, _b.All, false, dz, accumulate: accumulate);
            AddTimesRow(hidden, _d.Value, dz);
            _norm.InputBackward(x, dz, dy, first);
        }

        // A mask's place in its stream is the place of its rows in the sequence.
        private void Drop(Tensor input, Tensor output, int which, int first) =>
            _random!.Dropout(
                input,
                output,
                _probability,
                _stream + which,
                (long)first * output.Shape[1] * output.Shape[2]
            );

        private void Gelu(Tensor mixed, Tensor hidden, int first)
        {
            _backend.Pointwise(
                PointwiseOp.Gelu,
                new PointwiseArguments { A = mixed, Out = hidden }
            );
            if (_random is not null)
                Drop(hidden, hidden, 0, first);
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

        private void AddTimesRow(Tensor a, Tensor row, Tensor result) =>
            _backend.Pointwise(
                PointwiseOp.AddTimesRow,
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
