namespace Sequor.Layers;

/// <summary>
/// A tensor of a layer: its name within the layer, its shape and its initial values. It is trained by its gradient, or it is a buffer,
/// which the layer itself updates in training: see <see cref="Layer.Buffers"/>.
/// </summary>
public sealed class Parameter
{
    private readonly Initializer _initializer;

    /// <summary>Fills a parameter. It can read the values of the parameters that were drawn before it in the model.</summary>
    /// <param name="random">A source of random numbers that only this parameter uses.</param>
    /// <param name="values">The values to fill, row-major.</param>
    /// <param name="drawn">The values of the parameters before it.</param>
    public delegate void Initializer(
        ref Philox random,
        Span<float> values,
        IReadOnlyDictionary<Parameter, float[]> drawn
    );

    /// <summary>Declares a parameter, which gets its values when its model is put on a backend.</summary>
    /// <param name="name">The name, which must be unique within its layer.</param>
    /// <param name="shape">The sizes, each at least 1.</param>
    /// <param name="initializer">What fills the initial values, such as <see cref="Uniform"/>.</param>
    /// <exception cref="ArgumentException">The name is empty, or a size is 0.</exception>
    public Parameter(string name, Shape shape, Initializer initializer)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(initializer);
        if (shape.Count == 0)
            throw new ArgumentException(
                $"Parameter {name} is {shape}; its sizes must be at least 1.",
                nameof(shape)
            );
        Name = name;
        Shape = shape;
        _initializer = initializer;
    }

    /// <summary>The name within its layer. It is PyTorch's where PyTorch has one, such as weight_ih_l0.</summary>
    public string Name { get; }

    /// <summary>The sizes, in PyTorch's order.</summary>
    public Shape Shape { get; }

    /// <summary>The memory that it has its place in; null while the model is not on a backend.</summary>
    internal ParameterStore? Owner { get; set; }

    /// <summary>The offset in the model's block of parameters, in floats; set when the model is put on a backend.</summary>
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

    /// <summary>Sets all values to one value.</summary>
    /// <param name="value">That value.</param>
    public static Initializer Constant(float value) =>
        (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
            values.Fill(value);

    /// <summary>Draws values uniformly from [-bound, bound).</summary>
    /// <param name="bound">The bound.</param>
    public static Initializer Uniform(double bound) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            foreach (ref float value in values)
                value = random.NextFloat((float)-bound, (float)bound);
        };

    /// <summary>Draws values from a normal distribution with mean 0.</summary>
    /// <param name="deviation">The standard deviation.</param>
    public static Initializer Normal(double deviation) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            foreach (ref float value in values)
                value = (float)(deviation * random.NextNormal());
        };
}

/// <summary>A parameter under its full name in a model.</summary>
/// <param name="Name">The names of the layers that contain it and its own, joined by dots: 0.block1.conv1.weight_v.</param>
/// <param name="Parameter">The parameter.</param>
public readonly record struct NamedParameter(string Name, Parameter Parameter);
