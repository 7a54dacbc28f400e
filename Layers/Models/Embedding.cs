namespace Sequor.Layers;

/// <summary>
/// A vector for each class: turns class numbers [T, B, 1] into [T, B, size]. The weight [count, size] begins normal with mean 0 and
/// deviation 1, and its gradient is dense, both as in torch.nn.Embedding.
/// </summary>
/// <remarks>
/// <para>
/// A class is a whole number from 0 to count - 1 in a float, as for <see cref="SoftmaxCrossEntropy"/>. Forward and Predict refuse any other
/// value in arrays. They do not check tensors that were written on the device: there such a value gives a row of NaN, nothing is read or
/// written out of bounds, and training stops at a loss that is not a number.
/// </para>
/// <para>
/// Classes have no gradient, so in training an embedding must be the model's first layer, and the plan cannot compute the gradient of the
/// input. The gradient of the weight is added up in a fixed order, so results repeat bit for bit.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(
///     new Embedding(count: 65, size: 24),
///     new Gru(24, 48),
///     new Linear(48, 65)
/// );
/// model.Initialize(backend);
/// float[] classes = [7, 0, 64]; // whole numbers in floats, below count
/// Prediction next = model.Predict(classes, length: 3); // [3, 1, 65]
/// </code>
/// </example>
public sealed class Embedding : Layer
{
    /// <summary>The most classes. Above it, floats skip whole numbers.</summary>
    public const int MostClasses = 1 << 24;

    private readonly Parameter _weight;

    /// <summary>Makes a table of vectors.</summary>
    /// <param name="count">The number of classes, 1 to <see cref="MostClasses"/>.</param>
    /// <param name="size">The number of output channels, at least 1.</param>
    /// <param name="paddingIndex">A class whose vector begins as 0 and has no gradient; null for none.</param>
    /// <param name="scale">The standard deviation of the normal distribution, or the bound of the uniform one. Above 0.</param>
    /// <param name="uniform">
    /// Whether the weight begins uniform in ±scale. The code of Bai, Kolter and Koltun (2018) uses 0.1 for language models.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public Embedding(
        int count,
        int size,
        int? paddingIndex = null,
        float scale = 1f,
        bool uniform = false
    )
    {
        Count = RequirePositive(count);
        if (count > MostClasses)
            throw new ArgumentOutOfRangeException(
                nameof(count),
                count,
                $"There can be at most {MostClasses} classes, 2^24: floats skip whole numbers above it."
            );
        OutputSize = RequirePositive(size);
        if ((long)count * size > Array.MaxLength)
            throw new ArgumentOutOfRangeException(
                nameof(size),
                size,
                $"A table of {Amount.Of(count, "row")} can have at most {Amount.Of(Array.MaxLength / count, "column")}."
            );
        if (paddingIndex < 0 || paddingIndex >= count)
            throw new ArgumentOutOfRangeException(
                nameof(paddingIndex),
                paddingIndex,
                $"The padding index must be a class, 0 to {count - 1}, or null."
            );
        if (!(scale > 0 && float.IsFinite(scale)))
            throw new ArgumentOutOfRangeException(
                nameof(scale),
                scale,
                "The scale must be a finite number above 0."
            );
        PaddingIndex = paddingIndex;
        _weight = new Parameter("weight", new Shape(count, size), Begin(scale, uniform));
        Parameters = [_weight];
    }

    /// <summary>The number of classes.</summary>
    public int Count { get; }

    /// <summary>The class whose vector has no gradient; null for none.</summary>
    public int? PaddingIndex { get; }

    /// <summary>1, for the class number.</summary>
    public override int InputSize => 1;

    /// <inheritdoc/>
    public override int OutputSize { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    internal override int? InputClasses => Count;

    private Parameter.Initializer Begin(float scale, bool uniform)
    {
        Parameter.Initializer draw = uniform ? Parameter.Uniform(scale) : Parameter.Normal(scale);
        return (
            ref Philox random,
            Span<float> values,
            IReadOnlyDictionary<Parameter, float[]> drawn
        ) =>
        {
            draw(ref random, values, drawn);
            if (PaddingIndex is { } padding)
                values.Slice(padding * OutputSize, OutputSize).Clear();
        };
    }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        if (builder.Training && builder.InputGradient)
            throw new NotSupportedException(
                "An embedding has no gradient by its input, which are classes: in training it has to be the first layer, of a plan without inputGradient."
            );
        output = new Shape(input.First, input[1], OutputSize);
        return new EmbeddingPlan(this, builder, input, output);
    }

    private sealed class EmbeddingPlan : LayerPlan
    {
        private readonly EmbeddingOperation _operation;
        private readonly Slot _output;
        private readonly Slot? _workspace;
        private readonly Tensor _weight;
        private readonly Tensor _weightGradient;
        private Tensor _x;

        public EmbeddingPlan(Embedding layer, PlanBuilder builder, Shape input, Shape output)
        {
            _operation = builder.Own(
                builder.Stage.PlanEmbedding(
                    new EmbeddingDescriptor(
                        layer.Count,
                        layer.OutputSize,
                        checked((int)input.Count),
                        layer.PaddingIndex ?? -1
                    )
                )
            );
            _output = builder.Output(output);
            // Only the backward pass needs scratch memory.
            if (builder.Training)
                _workspace = builder.Scratch(_operation.WorkspaceCount);
            _weight = builder.Value(layer._weight);
            _weightGradient = builder.Gradient(layer._weight);
        }

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _operation.Forward(x, _weight, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            // A gradient of the last steps belongs to the input's last steps.
            int steps = dy.Shape.First;
            Tensor x = _x.Slice(_x.Shape.First - steps, steps);
            _operation.Backward(x, dy, _weightGradient, _workspace!.All);
            return default;
        }

        public override void Dispose()
        {
            _operation.Dispose();
            base.Dispose();
        }
    }
}
