namespace Sequor.Layers;

/// <summary>
/// A tensor of a layer: its name within the layer, its shape and how it begins. It is trained by its gradient, or a buffer,
/// which the layer itself keeps up while training: see <see cref="Layer.Buffers"/>.
/// </summary>
public sealed class Parameter
{
    private readonly Initializer _initializer;

    /// <summary>Fills a parameter; those drawn before it in the model can be asked for.</summary>
    /// <param name="random">Numbers of this parameter's own.</param>
    /// <param name="values">To be filled, row-major.</param>
    /// <param name="drawn">The values of the parameters before it.</param>
    public delegate void Initializer(
        ref Philox random,
        Span<float> values,
        IReadOnlyDictionary<Parameter, float[]> drawn
    );

    /// <summary>A parameter, which gets its values when its model is put on a backend.</summary>
    /// <param name="name">The name within its layer, other than those of the layer's others.</param>
    /// <param name="shape">The sizes, each at least 1.</param>
    /// <param name="initializer">How it begins, such as <see cref="Uniform"/>.</param>
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

    /// <summary>All values alike.</summary>
    /// <param name="value">Each of them.</param>
    public static Initializer Constant(float value) =>
        (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
            values.Fill(value);

    /// <summary>Uniform in [-bound, bound).</summary>
    /// <param name="bound">The bound.</param>
    public static Initializer Uniform(double bound) =>
        (ref Philox random, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
        {
            foreach (ref float value in values)
                value = random.NextFloat((float)-bound, (float)bound);
        };

    /// <summary>Normal with mean 0.</summary>
    /// <param name="deviation">The standard deviation.</param>
    public static Initializer Normal(double deviation) =>
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
