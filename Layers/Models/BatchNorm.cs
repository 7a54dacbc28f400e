namespace Sequor.Layers;

/// <summary>
/// Normalises each channel over all positions of all sequences, with a weight and a bias for each channel: [T, B, C] to [T, B, C]. Training
/// uses the mean and variance of the batch and moves running ones towards them: running = running + momentum (batch - running), where the
/// running variance uses the sample variance. Evaluation and streaming use the running statistics. Source: Ioffe and Szegedy (2015); names
/// and rules are those of torch.nn.BatchNorm1d.
/// </summary>
/// <remarks>
/// The running statistics begin as 0 and 1 and are the buffers running_mean and running_var. Every forward pass of a training plan moves
/// them, except where the batch's statistics are not finite. If a batch has only one position, its output is the bias, and the running
/// variance stays as it is.
/// </remarks>
public sealed class BatchNorm : Layer
{
    private readonly BatchNormDescriptor _descriptor;

    /// <summary>Makes a batch normalisation. The weight begins as 1 and the bias as 0.</summary>
    /// <param name="size">The number of channels C, at least 1.</param>
    /// <param name="momentum">How far each batch moves the running statistics: above 0, at most 1.</param>
    /// <param name="epsilon">Added to the variance; finite and above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The size is below 1 or above a quarter of <see cref="Layer.MostValues"/>, the momentum is not above 0 and at most 1, or epsilon is
    /// not a finite number above 0.
    /// </exception>
    public BatchNorm(int size, float momentum = 0.1f, float epsilon = 1e-5f)
    {
        InputSize = RequirePositive(size);
        RequireValues(4L * size, size, $"BatchNorm of {Amount.Of(size, "channel")}");
        if (!(momentum > 0 && momentum <= 1))
            throw new ArgumentOutOfRangeException(
                nameof(momentum),
                momentum,
                "The momentum must be above 0 and at most 1."
            );
        if (!(epsilon > 0 && float.IsFinite(epsilon)))
            throw new ArgumentOutOfRangeException(
                nameof(epsilon),
                epsilon,
                "Epsilon must be a finite number above 0."
            );
        _descriptor = new BatchNormDescriptor(size, momentum, epsilon);
        var channels = new Shape(size);
        Weight = new Parameter("weight", channels, Parameter.Constant(1f));
        Bias = new Parameter("bias", channels, Parameter.Constant(0f));
        RunningMean = new Parameter("running_mean", channels, Parameter.Constant(0f));
        RunningVariance = new Parameter("running_var", channels, Parameter.Constant(1f));
        Parameters = [Weight, Bias];
        Buffers = [RunningMean, RunningVariance];
    }

    internal Parameter Weight { get; }

    internal Parameter Bias { get; }

    internal Parameter RunningMean { get; }

    internal Parameter RunningVariance { get; }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Buffers { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        return new BatchNormPlan(this, builder, input);
    }

    private sealed class BatchNormPlan : LayerPlan
    {
        private readonly GradientFlow _flow;
        private readonly PlannedBatchNorm _norm;
        private readonly Slot _output;
        private readonly bool _inputGradient;
        private Tensor _x;

        public BatchNormPlan(BatchNorm layer, PlanBuilder builder, Shape input)
        {
            _flow = builder.Gradients;
            _norm = new PlannedBatchNorm(layer, builder);
            _output = builder.Output(input);
            _inputGradient = builder.InputGradient;
        }

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _norm.Prepare(x);
            _norm.Normalise(x, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            dy = _flow.Whole(dy, _x.Shape.First);
            _norm.Sum(_x, dy, false);
            _norm.AddSums();
            if (!_inputGradient)
                return default;
            _norm.Backward(_x, dy, dy, false);
            return dy;
        }

        public override void Dispose()
        {
            _norm.Dispose();
            base.Dispose();
        }
    }

    /// <summary>The operation together with a layer's tensors and its share of a plan's memory.</summary>
    internal sealed class PlannedBatchNorm : IDisposable
    {
        private readonly Backend _backend;
        private readonly BatchNormOperation _operation;
        private readonly bool _training;
        private readonly StreamPosition? _position;
        private readonly Slot _statistics;
        private readonly Slot _workspace;
        private readonly Slot? _sums;
        private readonly Tensor _weight;
        private readonly Tensor _bias;
        private readonly Tensor _runningMean;
        private readonly Tensor _runningVariance;
        private readonly Tensor _weightGradient;
        private readonly Tensor _biasGradient;
        private long _rows;

        public PlannedBatchNorm(BatchNorm layer, PlanBuilder builder)
        {
            _backend = builder.Stage;
            _operation = builder.Own(_backend.PlanBatchNorm(layer._descriptor));
            _training = builder.Training;
            _statistics = builder.KeepPrepared(new Shape(2, layer.InputSize));
            _position = builder.Prepares;
            _workspace = builder.Scratch(_operation.WorkspaceCount);
            _weight = builder.Value(layer.Weight);
            _bias = builder.Value(layer.Bias);
            _runningMean = builder.Value(layer.RunningMean);
            _runningVariance = builder.Value(layer.RunningVariance);
            _weightGradient = builder.Gradient(layer.Weight);
            _biasGradient = builder.Gradient(layer.Bias);
            if (_training)
                _sums = builder.Scratch(new Shape(2, layer.InputSize));
        }

        /// <summary>Computes the statistics: in training of all rows of x, otherwise from the running ones.</summary>
        public void Prepare(Tensor x)
        {
            _rows = x.Shape.Rows;
            if (_training)
                _operation.Measure(
                    x,
                    _statistics.All,
                    _runningMean,
                    _runningVariance,
                    _workspace.All
                );
            else if (_position is null || _position.NewWeights)
                _operation.Recall(_runningMean, _runningVariance, _statistics.All);
        }

        /// <summary>Computes y from some rows of x; both may be the same tensor.</summary>
        public void Normalise(Tensor x, Tensor y) =>
            _operation.Normalise(x, _statistics.All, _weight, _bias, y);

        /// <summary>Computes the sums over some rows, or adds them to those of earlier rows.</summary>
        public void Sum(Tensor x, Tensor dy, bool accumulate) =>
            _operation.Sum(x, _statistics.All, dy, _sums!.All, accumulate, _workspace.All);

        /// <summary>Adds the sums over all rows to the gradients of weight and bias.</summary>
        public void AddSums()
        {
            Add(_sums!.All.Slice(0, 1), _weightGradient);
            Add(_sums.All.Slice(1, 1), _biasGradient);
        }

        /// <summary>Computes, or adds to, dx for some rows of x, once the sums are over all rows; dx may be dy.</summary>
        public void Backward(Tensor x, Tensor dy, Tensor dx, bool accumulate) =>
            _operation.Backward(x, _statistics.All, _weight, dy, _sums!.All, _rows, dx, accumulate);

        private void Add(Tensor sum, Tensor gradient) =>
            _backend.Pointwise(
                PointwiseOp.Add,
                new PointwiseArguments
                {
                    A = sum,
                    B = gradient,
                    Out = gradient,
                }
            );

        public void Dispose() => _operation.Dispose();
    }
}
