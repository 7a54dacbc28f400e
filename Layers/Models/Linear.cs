namespace Sequor.Layers;

/// <summary>
/// y = x W' + b at every step: [T, B, in] to [T, B, out]. W is [out, in] and b, if there is one, [out]; both begin uniform in ±1/sqrt(in),
/// as in torch.nn.Linear.
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var linear = new Linear(inputSize: 3, outputSize: 2);
/// using Plan plan = linear.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Evaluation);
/// plan.Parameter("weight").Write([1, 0, 0, 0, 1, 1]); // [2, 3]
/// plan.Parameter("bias").Write([10, 20]);
/// float[] y = plan.Forward([1, 2, 3], length: 1, batch: 1).ToArray(); // 11, 25
/// </code>
/// </example>
public sealed class Linear : Layer
{
    private readonly Parameter _weight;
    private readonly Parameter? _bias;

    /// <summary>Makes a linear layer.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="outputSize">The number of output channels, at least 1.</param>
    /// <param name="bias">Whether there is a b.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is below 1, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Linear(int inputSize, int outputSize, bool bias = true)
    {
        InputSize = RequirePositive(inputSize);
        OutputSize = RequirePositive(outputSize);
        RequireValues(
            ((Int128)inputSize + 1) * outputSize,
            outputSize,
            $"Linear {inputSize} -> {outputSize}"
        );
        double bound = 1 / Math.Sqrt(inputSize);
        _weight = new Parameter(
            "weight",
            new Shape(outputSize, inputSize),
            Parameter.Uniform(bound)
        );
        if (bias)
            _bias = new Parameter("bias", new Shape(outputSize), Parameter.Uniform(bound));
        Parameters = _bias is null ? [_weight] : [_weight, _bias];
    }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = new Shape(input.First, input[1], OutputSize);
        return new LinearPlan(this, builder, output);
    }

    private sealed class LinearPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly Slot _output;
        private readonly Tensor _weight;
        private readonly Tensor _bias;
        private readonly Tensor _weightGradient;
        private readonly Tensor _biasGradient;
        private readonly bool _inputGradient;
        private Tensor _x;

        public LinearPlan(Linear layer, PlanBuilder builder, Shape output)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _output = builder.Output(output);
            _weight = builder.Value(layer._weight);
            _weightGradient = builder.Gradient(layer._weight);
            if (layer._bias is not null)
            {
                _bias = builder.Value(layer._bias);
                _biasGradient = builder.Gradient(layer._bias);
            }
            _inputGradient = builder.InputGradient;
        }

        internal override bool NeedsOutput => false;

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _backend.MatMul(
                new MatrixProduct
                {
                    A = x,
                    B = _weight,
                    TransposeB = true,
                    C = y,
                    Bias = _bias,
                }
            );
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            // A gradient of the last steps belongs to the input's last steps.
            int steps = dy.Shape.First;
            Tensor x = _x.Slice(_x.Shape.First - steps, steps);
            _backend.MatMul(
                new MatrixProduct
                {
                    A = dy,
                    TransposeA = true,
                    B = x,
                    C = _weightGradient,
                    Accumulate = true,
                }
            );
            if (!_biasGradient.IsEmpty)
                _backend.ColumnSum(dy, default, _biasGradient);
            if (!_inputGradient)
                return default;
            Tensor dx = _flow.Other(dy, x.Shape);
            _backend.MatMul(
                new MatrixProduct
                {
                    A = dy,
                    B = _weight,
                    C = dx,
                }
            );
            return dx;
        }
    }
}
