namespace Sequor.Layers;

/// <summary>
/// A tensor of a layer: its name within the layer, its shape and how it begins. It is trained by its gradient, or a buffer,
/// which the layer itself keeps up while training: see <see cref="Layer.Buffers"/>.
/// </summary>
public sealed class Parameter
{
    private readonly Initializer _initializer;

    /// <summary>Fills a parameter; those drawn before it in the model can be asked for.</summary>
    internal delegate void Initializer(
        ref Philox random,
        Span<float> values,
        IReadOnlyDictionary<Parameter, float[]> drawn
    );

    internal Parameter(string name, Shape shape, Initializer initializer)
    {
        Name = name;
        Shape = shape;
        _initializer = initializer;
    }

    /// <summary>The name within its layer, PyTorch's where PyTorch has one: weight_ih_l0.</summary>
    public string Name { get; }

    /// <summary>The sizes, in PyTorch's order.</summary>
    public Shape Shape { get; }

    /// <summary>The block that it has its place in; null when the model is not bound.</summary>
    internal ParameterStore? Owner { get; set; }

    /// <summary>Offset in the model's block of parameters, in floats; set when the model is bound.</summary>
    internal long Offset { get; set; } = -1;

    internal void Initialize(
        ulong seed,
        ulong stream,
        Span<float> values,
        IReadOnlyDictionary<Parameter, float[]> drawn
    )
    {
        var random = new Philox(seed, stream);
        _initializer(ref random, values, drawn);
    }

    internal static Initializer Constant(float value) =>
        (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
            values.Fill(value);

    /// <summary>Uniform in [-bound, bound).</summary>
    internal static Initializer Uniform(double bound) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            foreach (ref float value in values)
                value = random.NextFloat((float)-bound, (float)bound);
        };

    internal static Initializer Normal(double deviation) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            foreach (ref float value in values)
                value = (float)(deviation * random.NextNormal());
        };
}

/// <summary>A parameter under its full name in a model.</summary>
/// <param name="Name">Names of the layers that hold it, by dots: 0.block1.conv1.weight_v.</param>
/// <param name="Parameter">The parameter.</param>
public readonly record struct NamedParameter(string Name, Parameter Parameter);
