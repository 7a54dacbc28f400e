using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>
/// A model in a shape, with values for everything that it reads, and what the reference computes from them. The reference runs once,
/// however many backends are compared with it.
/// </summary>
public sealed class GradientCase
{
    /// <summary>The seed of the plan's dropout.</summary>
    internal const ulong PlanSeed = 77;

    private readonly Lazy<Expectation> _expected;
    private readonly string _name;

    /// <summary>Makes a case.</summary>
    /// <param name="name">The name in reports, to which the shape is added.</param>
    /// <param name="model">Makes a new model, since a plan binds a model to a backend.</param>
    /// <param name="time">T, the number of steps.</param>
    /// <param name="batch">B, the number of sequences.</param>
    /// <param name="large">
    /// Whether only gradients along directions are checked, for sizes where single elements would take too long.
    /// </param>
    /// <param name="kinked">Whether the model has ReLUs.</param>
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

    /// <summary>[T, B]: 1 where sequences begin anew; null for nowhere.</summary>
    internal byte[]? Resets { get; init; }

    /// <summary>The number of classes if the input is classes, which have no gradient; null if it is numbers.</summary>
    internal int? Classes { get; }
    internal Expectation Expected => _expected.Value;

    /// <summary>The gradient of the output that the backward pass begins with.</summary>
    internal static float[] OutputGradient(long count) => new Draw(3).Uniform(count);

    /// <inheritdoc/>
    public override string ToString() => $"{_name} T{Time} B{Batch}";
}
