namespace Sequor.Layers;

/// <summary>
/// The output layer of a language model whose weight is the table of its <see cref="Embedding"/>: y = x E' + b at every step, [T, B, size]
/// to [T, B, count], where E is [count, size] and b, which begins as 0, [count]. E is one parameter: it counts, is saved and is updated
/// once, under the embedding's name, and its gradient is the sum of both uses. (Press and Wolf 2017, arXiv 1608.05859; Inan et al. 2017,
/// arXiv 1611.01462.)
/// </summary>
/// <remarks>
/// The embedding has to be in the same model. Values drawn with a deviation of 1, its default, make large outputs; the code of Bai, Kolter
/// and Koltun (2018) begins uniform in ±0.1.
/// </remarks>
public sealed class TiedLinear : Layer
{
    private readonly Parameter? _bias;

    /// <summary>Makes an output layer with the weight of an embedding.</summary>
    /// <param name="embedding">The embedding, in the same model, without a padding index: the padding's vector would be trained here.</param>
    /// <param name="bias">Whether there is a b.</param>
    /// <exception cref="ArgumentException">The embedding has a padding index.</exception>
    public TiedLinear(Embedding embedding, bool bias = true)
    {
        ArgumentNullException.ThrowIfNull(embedding);
        if (embedding.PaddingIndex is { } padding)
            throw new ArgumentException(
                $"The embedding has the padding index {padding}, whose vector has no gradient; a tied layer would train it.",
                nameof(embedding)
            );
        Embedding = embedding;
        if (bias)
            _bias = new Parameter("bias", new Shape(embedding.Count), Parameter.Constant(0f));
        Parameters = _bias is null ? [] : [_bias];
    }

    /// <summary>The embedding whose table is the weight.</summary>
    public Embedding Embedding { get; }

    /// <summary>The embedding's size.</summary>
    public override int InputSize => Embedding.OutputSize;

    /// <summary>The embedding's number of classes.</summary>
    public override int OutputSize => Embedding.Count;

    /// <summary>The bias, if there is one; the weight is the embedding's.</summary>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        Parameter weight = Embedding.Parameters[0];
        if (!builder.Has(weight))
            throw new InvalidOperationException(
                $"The embedding {OutputSize} x {InputSize} that the layer is tied to is not in the model."
            );
        output = new Shape(input.First, input[1], OutputSize);
        return new LinearPlan(weight, _bias, builder, output);
    }
}
