using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>
/// A model at a shape, with values for everything that goes in, and what the reference makes of them. The reference is
/// asked once, however many backends are compared with it.
/// </summary>
public sealed class GradientCase
{
    /// <summary>Seed of the plan's dropout.</summary>
    internal const ulong PlanSeed = 77;

    private readonly Lazy<Expectation> _expected;
    private readonly string _name;

    /// <summary>A case.</summary>
    /// <param name="name">Its name in reports; the shape is added.</param>
    /// <param name="model">Makes the model: a plan binds it to a backend.</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="large">Only gradients along directions: for sizes where single elements would take too long.</param>
    /// <param name="kinked">The model has relus.</param>
    public GradientCase(
        string name,
        Func<Layer> model,
        int time,
        int batch,
        bool large = false,
        bool kinked = false
    )
    {
        _name = name;
        Model = model;
        Time = time;
        Batch = batch;
        Large = large;
        Kinked = kinked;
        using Layer layer = model();
        var draw = new Draw(1);
        Parameters = draw.Parameters(layer);
        InputSize = layer.InputSize;
        OutputSize = layer.OutputSize;
        Classes = layer.InputClasses;
        draw = new Draw(2);
        X = Classes is { } classes
            ? draw.Classes(time * batch, classes)
            : draw.Uniform((long)time * batch * layer.InputSize);
        _expected = new Lazy<Expectation>(() => new Expectation(this));
    }

    internal Func<Layer> Model { get; }
    internal int Time { get; }
    internal int Batch { get; }
    internal int InputSize { get; }
    internal int OutputSize { get; }
    internal bool Large { get; }
    internal bool Kinked { get; }
    internal IReadOnlyDictionary<string, float[]> Parameters { get; }
    internal float[] X { get; }

    /// <summary>The input are classes below this, which have no gradient; null where it is numbers.</summary>
    internal int? Classes { get; }
    internal Expectation Expected => _expected.Value;

    /// <summary>The gradient that comes in at the output.</summary>
    internal static float[] OutputGradient(long count) => new Draw(3).Uniform(count);

    /// <inheritdoc/>
    public override string ToString() => $"{_name} T{Time} B{Batch}";
}
