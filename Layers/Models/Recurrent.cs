namespace Sequor.Layers;

/// <summary>
/// A recurrent network, [T, B, I] to [T, B, directions * H]. It begins from zero states unless its plan is given others
/// (<see cref="Plan.States"/>) or carries them (<see cref="PlanOptions.Carry"/>). Parameters, the order of their gates and the equations are
/// those of cuDNN and PyTorch: weight_ih_l0 [gates H, I], weight_hh_l0 [gates H, H], bias_ih_l0 and bias_hh_l0 [gates H]; names of the
/// reverse direction end in _reverse. With a projection, outputs are [T, B, directions * P], weight_hh_l0 is [gates H, P] and weight_hr_l0
/// is [P, H].
/// </summary>
/// <remarks>All parameters begin uniform in ±1/sqrt(H), unless <see cref="RecurrentOptions.Initialization"/> says otherwise.</remarks>
public abstract class Recurrent : Layer
{
    private readonly RecurrentDescriptor _descriptor;

    private protected Recurrent(
        RecurrentKind kind,
        int inputSize,
        int hiddenSize,
        RecurrentOptions options
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
        _descriptor = new RecurrentDescriptor(
            kind,
            RequirePositive(inputSize),
            RequirePositive(hiddenSize)
        )
        {
            Layers = RequireLayers(options.Layers, "layers"),
            Bidirectional = options.Bidirectional,
            Bias = RecurrentOptions.KnownBias(options.Bias),
            ProjectionSize = RecurrentOptions.Projection(kind, hiddenSize, options.ProjectionSize),
            CellClip = RecurrentOptions.Clip(kind, options.CellClip),
            Dropout = RequireProbability(options.Dropout, "dropout"),
        };
        RecurrentInitialization initialization = RecurrentOptions.KnownInitialization(
            kind,
            options.Initialization
        );
        RequireValues(
            _descriptor.ParameterCount,
            hiddenSize,
            $"{kind} of {Amount.Of(options.Layers, "layer")} with {Amount.Of(inputSize, "channel")} and {hiddenSize} hidden units"
        );
        Parameters =
        [
            .. _descriptor
                .Parameters()
                .Select(p => new Parameter(
                    p.Name,
                    p.Shape,
                    RecurrentOptions.Initializer(initialization, hiddenSize, p.Name, p.Shape)
                )),
        ];
    }

    /// <summary>The kind of recurrence.</summary>
    public RecurrentKind Kind => _descriptor.Kind;

    /// <inheritdoc/>
    public override int InputSize => _descriptor.InputSize;

    /// <summary>H, the number of hidden units of each layer and direction.</summary>
    public int HiddenSize => _descriptor.HiddenSize;

    /// <summary>Layers, directions, biases, dropout, projection and clipping.</summary>
    public RecurrentOptions Options { get; }

    /// <inheritdoc/>
    public override int OutputSize => _descriptor.OutputSize;

    /// <summary>The number of values that was checked against <see cref="Layer.MostValues"/>.</summary>
    internal Int128 CountedValues => _descriptor.ParameterCount;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    internal override ParameterLayout LayoutOn(Backend backend) =>
        backend.RecurrentLayout(_descriptor);

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = new Shape(input.First, input[1], OutputSize);
        return new RecurrentPlan(this, builder, input, output);
    }

    private sealed class RecurrentPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly RecurrentOperation _operation;
        private readonly GradientFlow _flow;
        private readonly Slot _output;
        private readonly Slot _reserve;
        private readonly Slot _workspace;
        private readonly Tensor _parameters;
        private readonly Tensor _gradients;
        private readonly bool _inputGradient;
        private readonly bool _needsAllSteps;
        private readonly SequenceLayout? _layout;
        private readonly StreamPosition _position;
        private readonly Slot? _hidden;
        private readonly Slot? _cell;
        private readonly Slot? _begunHidden;
        private readonly Slot? _begunCell;
        private readonly bool _sameWeights;
        private readonly RecurrentStates? _states;
        private readonly RandomStream? _random;
        private Tensor _x;

        public RecurrentPlan(Recurrent layer, PlanBuilder builder, Shape input, Shape output)
        {
            Backend backend = _backend = builder.Stage;
            RecurrentDescriptor descriptor = layer._descriptor with
            {
                MaxLength = input.First,
                MaxBatch = input[1],
                Training = builder.Training,
                InputGradient = builder.InputGradient,
                States = builder.States || builder.Carries,
                VariableLengths = builder.Layout is not null,
                DataLayout = builder.Layout is null
                    ? RecurrentDataLayout.SeqMajorUnpacked
                    : RecurrentDataLayout.SeqMajorPacked,
            };
            if (descriptor.DropsOut)
            {
                _random = builder.Random;
                descriptor = descriptor with
                {
                    DropoutStream = builder.NextStream(),
                    DropoutSeed = _random!.Seed,
                };
                for (int i = 2; i < descriptor.Layers; i++)
                    builder.NextStream();
            }
            _layout = builder.Layout;
            _position = builder.Position;
            _sameWeights = builder.Streaming;
            builder.RefuseResets(
                "A recurrent network of tanh, ReLU, LSTM or GRU",
                "its state cannot begin anew within a sequence"
            );
            if (builder.Carries)
            {
                if (descriptor.Bidirectional)
                {
                    throw new NotSupportedException(
                        $"A bidirectional network cannot {(builder.Streaming ? "stream" : "carry its states")}: its reverse direction begins at the end of the sequence."
                    );
                }
                (_hidden, _begunHidden) = Carried(descriptor.StateSize);
                if (descriptor.Kind == RecurrentKind.Lstm)
                    (_cell, _begunCell) = Carried(descriptor.HiddenSize);
            }
            if (builder.States)
            {
                _states = new RecurrentStates(builder, layer, descriptor);
                builder.LayerStates.Add(_states);
            }
            _inputGradient = builder.InputGradient;
            _needsAllSteps = backend.RecurrentBackwardNeedsAllSteps;
            _operation = builder.Own(backend.PlanRecurrent(descriptor));
            if (_operation.LibraryRandom is { } drawn)
                builder.LibraryRandoms.Add(drawn);
            _flow = builder.Gradients;
            _output = builder.Output(output);
            _reserve = builder.Keep(
                Shape.Block(_operation.ReserveCount),
                _operation.ReserveCategory
            );
            _workspace = builder.Workspace(_operation.WorkspaceCount);
            ParameterLayout layout = layer.LayoutOn(backend);
            Parameter first = layer.Parameters[0];
            _parameters = Block(builder.Value(first), first, layout);
            if (builder.Training)
                _gradients = Block(builder.Gradient(first), first, layout);

            // The backward pass needs the states that the forward pass began from, which is over the ones that it ended in.
            (Slot, Slot?) Carried(int width)
            {
                var shape = new Shape(descriptor.Layers, input[1], width);
                return (builder.State(shape), builder.Training ? builder.Keep(shape) : null);
            }
        }

        // The whole block of the layer's parameters, found from the place of one of them.
        private static Tensor Block(Tensor place, Parameter parameter, ParameterLayout layout) =>
            new(
                place.Storage,
                place.Offset - layout.Offsets[parameter.Name],
                new Shape(checked((int)layout.Count))
            );

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            Begin(_hidden, _begunHidden);
            Begin(_cell, _begunCell);
            _operation.Forward(Operands(y));
            return y;
        }

        private void Begin(Slot? carried, Slot? begun)
        {
            if (begun is not null)
                _backend.Copy(carried!.All, begun.All);
        }

        public override Tensor Backward(Tensor dy)
        {
            Tensor y = _output.For(_x.Shape.First, _x.Shape[1]);
            if (_needsAllSteps && dy.Shape.First < y.Shape.First)
                dy = _flow.Whole(dy, y.Shape.First);
            Tensor dx = _inputGradient ? _flow.Other(dy, _x.Shape) : default;
            RecurrentState final = _states?.FinalGradient ?? default;
            RecurrentState initial = _states?.BeginBackward() ?? default;
            _operation.Backward(
                Operands(y),
                new RecurrentGradients
                {
                    Y = dy,
                    FinalHidden = final.Hidden,
                    FinalCell = final.Cell,
                    X = dx,
                    InitialHidden = initial.Hidden,
                    InitialCell = initial.Cell,
                    Parameters = _gradients,
                }
            );
            return dx;
        }

        private RecurrentOperands Operands(Tensor y)
        {
            SequenceLayout? packed = _layout is { IsPacked: true } ? _layout : null;
            // Without a backward pass the final states overwrite the initial ones.
            var carried = new RecurrentState(_hidden?.All ?? default, _cell?.All ?? default);
            RecurrentState begun = _begunHidden is null
                ? carried
                : new RecurrentState(_begunHidden.All, _begunCell?.All ?? default);
            RecurrentState initial = _states?.Begun ?? begun;
            RecurrentState final = _states?.Final ?? carried;
            return new()
            {
                X = _x,
                Y = y,
                Parameters = _parameters,
                InitialHidden = initial.Hidden,
                InitialCell = initial.Cell,
                FinalHidden = final.Hidden,
                FinalCell = final.Cell,
                SameWeights = _sameWeights && !_position.NewWeights,
                Lengths = packed?.Values,
                PackedBatch = packed?.Batch ?? 0,
                PackedOrder = packed?.OrderValues,
                PackedLayout = packed,
                Random = _random,
                Reserve = _reserve.All,
                Workspace = _workspace.All,
            };
        }

        public override void Dispose()
        {
            _operation.Dispose();
            base.Dispose();
        }
    }
}
