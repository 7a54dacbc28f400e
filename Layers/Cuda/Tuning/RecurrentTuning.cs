using System.Globalization;

namespace Sequor.Layers.Cuda;

/// <summary>Chooses the algorithms of a recurrent network for its largest shape.</summary>
/// <remarks>
/// The first guess is PyTorch's rule for float32, with one algorithm in both directions: PERSIST_STATIC_SMALL_H up to the hidden
/// size that it takes backward too, or forward where there is no training. It is STANDARD for what the rule was not made for.
/// </remarks>
internal sealed class RecurrentTuning(CudaBackend backend, RecurrentDescriptor descriptor)
    : TuningTask
{
    /// <summary>Kernels of ours, with the recurrent weights on the chip.</summary>
    public const string Own = "own";

    private const string Plain = "standard";
    private const string Small = "small-h";

    // PyTorch's: of a tanh or relu cell, and of an LSTM or GRU.
    private const int MostForward = 384;
    private const int MostForwardGated = 192;
    private const int MostBackward = 256;
    private const int MostBackwardGated = 128;

    private readonly RecurrentDescriptor _d = descriptor;

    // Why our own kernels do not take it; null where they do.
    private readonly string? _notOwn = CudaChipRecurrence.ClassFor(
        backend,
        descriptor,
        out string? reason
    )
        is not null
        ? null
        : reason;
    private RecurrentOperands _operands;
    private RecurrentGradients _gradients;

    public override string Kind => "recurrent";

    public override string Shape =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{_d.Kind.ToString().ToLowerInvariant()} input {_d.InputSize}, hidden {_d.HiddenSize}, layers {_d.Layers}, length {_d.MaxLength}, batch {_d.MaxBatch}"
        )
        + (_d.Bidirectional ? ", bidirectional" : "")
        + (_d.Bias == RecurrentBias.DoubleBias ? "" : $", {_d.Bias}")
        + (_d.ProjectionSize > 0 ? $", projection {_d.ProjectionSize}" : "")
        + (_d.CellClip is null ? "" : ", clipped")
        + (_d.States ? ", states" : "")
        + (_d.VariableLengths ? ", variable lengths" : "")
        + (_d.Training ? ", training" : "");

    public override string? OnlyBecause => _notOwn is null ? null : OnlyStandardBecause;

    public override string? WhyNot(string candidate) =>
        candidate == Own ? _notOwn : OnlyStandardBecause;

    // A candidate of cuDNN's that did not clip would not be found out by cells that stay within the bounds.
    private string? OnlyStandardBecause =>
        _d.VariableLengths || _d.DataLayout == RecurrentDataLayout.SeqMajorPacked
            ? "only standard takes sequences of different lengths"
        : _d.ProjectionSize > 0 ? "only standard takes a projection"
        : _d.CellClip is not null ? "only standard is known to clip"
        : null;

    public override string Plainest => Plain;

    public override IReadOnlyList<string> Candidates =>
        [
            .. OnlyStandardBecause is not null
                ? [Plain]
                : RecurrentAlgorithms
                    .Names.Where(name =>
                        name != Guess && (_d.Training || !RecurrentAlgorithms.Of(name).IsMixed)
                    )
                    .Prepend(Guess),
            .. _notOwn is null ? [Own] : Array.Empty<string>(),
        ];

    /// <summary>A network by a candidate.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The network.</param>
    /// <param name="candidate">The candidate.</param>
    /// <param name="only">Whether there is no other way where this one is refused; else standard takes its place, which is told.</param>
    public static RecurrentOperation Make(
        CudaBackend backend,
        in RecurrentDescriptor descriptor,
        string candidate,
        bool only
    )
    {
        if (candidate == Own)
        {
            try
            {
                return new CudaChipRecurrence(backend, descriptor, isTrial: only);
            }
            catch (NotSupportedException e) when (!only)
            {
                backend.Tuner.Tell($"{e.Message} CUDNN_RNN_ALGO_STANDARD takes its place.");
                candidate = Plain;
            }
        }
        return new CudaRecurrent(backend, descriptor, RecurrentAlgorithms.Of(candidate), only);
    }

    private string Guess
    {
        get
        {
            int most = (_d.Gates == 1, _d.Training) switch
            {
                (true, true) => MostBackward,
                (true, false) => MostForward,
                (false, true) => MostBackwardGated,
                (false, false) => MostForwardGated,
            };
            // PyTorch has both biases of a gate or none.
            bool known = _d.Bias is RecurrentBias.DoubleBias or RecurrentBias.NoBias;
            return
                known
                && _d.HiddenSize <= most
                && backend.Context.Device.ComputeCapability.Major >= 6
                ? Small
                : Plain;
        }
    }

    public override void Prepare(TuningMemory memory)
    {
        (int steps, int batch) = (_d.MaxLength, _d.MaxBatch);
        var x = new Shape(steps, batch, _d.InputSize);
        var y = new Shape(steps, batch, _d.OutputSize);
        var hidden = new Shape(_d.Layers * _d.Directions, batch, _d.StateSize);
        var cell = new Shape(_d.Layers * _d.Directions, batch, _d.HiddenSize);
        bool cells = _d.States && _d.Kind == RecurrentKind.Lstm;
        var weights = new Shape(checked((int)CudaRecurrent.Layout(backend, _d).Count));
        _operands = new RecurrentOperands
        {
            X = memory.Random(x, 1),
            Y = memory.Room(y),
            Parameters = memory.Random(weights, 1 / Math.Sqrt(_d.HiddenSize)),
            InitialHidden = _d.States ? memory.Random(hidden, 1) : default,
            InitialCell = cells ? memory.Random(cell, 1) : default,
            FinalHidden = _d.States ? memory.Room(hidden) : default,
            FinalCell = cells ? memory.Room(cell) : default,
            Reserve = default,
            Workspace = default,
        };
        double forward = Bound(_d.InputSize + _d.HiddenSize);
        List<TuningOutput> outputs = [new("y", _operands.Y, forward)];
        if (_d.States)
            outputs.Add(new("the last states", _operands.FinalHidden, forward));
        if (cells)
            outputs.Add(new("the last cells", _operands.FinalCell, forward));
        if (_d.Training)
        {
            _gradients = new RecurrentGradients
            {
                Y = memory.Random(y, 1),
                FinalHidden = _d.States ? memory.Random(hidden, 1) : default,
                FinalCell = cells ? memory.Random(cell, 1) : default,
                X = _d.InputGradient ? memory.Room(x) : default,
                InitialHidden = _d.States ? memory.Room(hidden) : default,
                InitialCell = cells ? memory.Room(cell) : default,
                Parameters = memory.Room(weights),
            };
            double backward = Bound(_d.InputSize + _d.Gates * _d.HiddenSize);
            double sums = Bound((long)steps * batch);
            if (_d.InputGradient)
                outputs.Add(new("the gradient by x", _gradients.X, backward));
            if (_d.States)
                outputs.Add(
                    new("the gradient by the first states", _gradients.InitialHidden, backward)
                );
            if (cells)
                outputs.Add(
                    new("the gradient by the first cells", _gradients.InitialCell, backward)
                );
            outputs.Add(
                new("the gradient by the weights", _gradients.Parameters, sums, IsSum: true)
            );
        }
        Outputs = outputs;
    }

    public override TuningTrial Open(string candidate) => new Trial(this, candidate);

    // Of sums in another order, and of exponentials by another formula.
    private double Bound(long terms) => TuningBounds.Of(backend.Math, terms);

    private sealed class Trial : TuningTrial
    {
        private readonly RecurrentTuning _task;
        private readonly RecurrentOperation _operation;

        public Trial(RecurrentTuning task, string candidate)
        {
            _task = task;
            // Masks of dropout are each algorithm's own, and could not be compared.
            _operation = Make(task.Backend, task._d with { Dropout = 0 }, candidate, only: true);
        }

        public override long WorkspaceCount => _operation.WorkspaceCount;

        public override long ReserveCount => _operation.ReserveCount;

        public override void Run(Tensor workspace, Tensor reserve)
        {
            RecurrentOperands operands = _task._operands with
            {
                Workspace = workspace,
                Reserve = reserve,
            };
            _operation.Forward(operands);
            if (_task._d.Training)
                _operation.Backward(operands, _task._gradients);
        }

        public override void Dispose()
        {
            _operation.Dispose();
            base.Dispose();
        }
    }

    private CudaBackend Backend => backend;
}
