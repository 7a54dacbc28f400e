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
        return new LinearPlan(_weight, _bias, builder, output);
    }
}
