namespace Sequor.Layers;

/// <summary>
/// A recurrent network of one direction, [T, B, I] to [T, B, H], beginning from zero states. Parameters, their order of
/// gates and the equations are cuDNN's and PyTorch's: weight_ih_l0 [gates H, I], weight_hh_l0 [gates H, H], two biases.
/// </summary>
/// <remarks>All begin uniform in ±1/sqrt(H).</remarks>
public abstract class Recurrent : Layer
{
    private protected Recurrent(RecurrentKind kind, int inputSize, int hiddenSize, int layers)
    {
        Kind = kind;
        InputSize = RequirePositive(inputSize);
        HiddenSize = RequirePositive(hiddenSize);
        LayerCount = RequirePositive(layers);
        double bound = 1 / Math.Sqrt(hiddenSize);
        int rows = Describe(1, 1, false, false).Gates * hiddenSize;
        var parameters = new List<Parameter>();
        for (int layer = 0; layer < layers; layer++)
        {
            int inputs = layer == 0 ? inputSize : hiddenSize;
            parameters.Add(
                new($"weight_ih_l{layer}", new Shape(rows, inputs), Parameter.Uniform(bound))
            );
            parameters.Add(
                new($"weight_hh_l{layer}", new Shape(rows, hiddenSize), Parameter.Uniform(bound))
            );
            parameters.Add(new($"bias_ih_l{layer}", new Shape(rows), Parameter.Uniform(bound)));
            parameters.Add(new($"bias_hh_l{layer}", new Shape(rows), Parameter.Uniform(bound)));
        }
        Parameters = parameters;
    }

    /// <summary>The recurrence.</summary>
    public RecurrentKind Kind { get; }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <summary>Hidden units of each layer.</summary>
    public int HiddenSize { get; }

    /// <summary>Layers on top of each other.</summary>
    public int LayerCount { get; }

    /// <inheritdoc/>
    public override int OutputSize => HiddenSize;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    private RecurrentDescriptor Describe(
        int maxLength,
        int maxBatch,
        bool training,
        bool inputGradient
    ) => new(Kind, InputSize, HiddenSize, LayerCount, maxLength, maxBatch, training, inputGradient);

    internal override ParameterLayout LayoutOn(Backend backend) =>
        backend.RecurrentLayout(Describe(1, 1, false, false));

    internal override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        output = new Shape(input.First, input[1], HiddenSize);
        return new RecurrentPlan(this, builder, input, output);
    }

    private sealed class RecurrentPlan : LayerPlan
    {
        private readonly RecurrentOperation _operation;
        private readonly GradientFlow _flow;
        private readonly Slot _output;
        private readonly Slot _reserve;
        private readonly Slot _workspace;
        private readonly Tensor _parameters;
        private readonly Tensor _gradients;
        private readonly bool _inputGradient;
        private Tensor _x;

        public RecurrentPlan(Recurrent layer, PlanBuilder builder, Shape input, Shape output)
        {
            Backend backend = builder.Backend;
            RecurrentDescriptor descriptor = layer.Describe(
                input.First,
                input[1],
                builder.Training,
                builder.InputGradient
            );
            _inputGradient = builder.InputGradient;
            _operation = backend.PlanRecurrent(descriptor);
            _flow = builder.Flow;
            _output = builder.Output(output);
            _reserve = builder.Keep(Shape.Block(_operation.ReserveCount));
            _workspace = builder.Scratch(_operation.WorkspaceCount);
            var block = new Shape(checked((int)layer.LayoutOn(backend).Count));
            Parameter first = layer.Parameters[0];
            _parameters = Block(builder.Value(first), block);
            if (!builder.Training)
                return;
            _gradients = Block(builder.Gradient(first), block);
            if (_inputGradient)
                builder.RequireFlow(input.Count);
        }

        // The first parameter's place is the block's.
        private static Tensor Block(Tensor first, Shape shape) =>
            new(first.Storage, first.Offset, shape);

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _operation.Forward(x, _parameters, y, _reserve.All, _workspace.All);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            Tensor y = _output.For(_x.Shape.First, _x.Shape[1]);
            Tensor dx = _inputGradient ? _flow.Other(dy, _x.Shape) : default;
            _operation.Backward(
                _x,
                _parameters,
                y,
                dy,
                dx,
                _gradients,
                _reserve.All,
                _workspace.All
            );
            return dx;
        }

        public override void Dispose()
        {
            _operation.Dispose();
            base.Dispose();
        }
    }
}

/// <summary>The simple recurrent network: h = tanh or relu of W_ih x + b_ih + W_hh h + b_hh.</summary>
/// <param name="inputSize">Channels in, at least 1.</param>
/// <param name="hiddenSize">Hidden units, at least 1.</param>
/// <param name="layers">Layers on top of each other, at least 1.</param>
/// <param name="relu">Relu instead of tanh.</param>
public sealed class Rnn(int inputSize, int hiddenSize, int layers = 1, bool relu = false)
    : Recurrent(relu ? RecurrentKind.Relu : RecurrentKind.Tanh, inputSize, hiddenSize, layers);

/// <summary>Long short-term memory; gates input, forget, cell, output.</summary>
/// <param name="inputSize">Channels in, at least 1.</param>
/// <param name="hiddenSize">Hidden units, at least 1.</param>
/// <param name="layers">Layers on top of each other, at least 1.</param>
public sealed class Lstm(int inputSize, int hiddenSize, int layers = 1)
    : Recurrent(RecurrentKind.Lstm, inputSize, hiddenSize, layers);

/// <summary>
/// The gated recurrent unit; gates reset, update, new. The reset acts after the recurrent product:
/// n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h = (1 - z) n + z h.
/// </summary>
/// <param name="inputSize">Channels in, at least 1.</param>
/// <param name="hiddenSize">Hidden units, at least 1.</param>
/// <param name="layers">Layers on top of each other, at least 1.</param>
public sealed class Gru(int inputSize, int hiddenSize, int layers = 1)
    : Recurrent(RecurrentKind.Gru, inputSize, hiddenSize, layers);
