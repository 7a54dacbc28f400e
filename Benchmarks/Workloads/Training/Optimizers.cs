using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The optimizers by name.</summary>
public static class Optimizers
{
    /// <summary>The names in options and checkpoints.</summary>
    public static IReadOnlyList<string> Names { get; } = ["adam", "adamw", "rmsprop", "sgd"];

    /// <summary>What makes an optimizer for a plan, with the usual constants but for the rate.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="learningRate">Finite, at least 0.</param>
    /// <exception cref="ArgumentException">No such optimizer.</exception>
    public static Func<Plan, Optimizer> Create(string name, float learningRate) =>
        name switch
        {
            "adam" => plan => new Adam(plan, learningRate),
            "adamw" => plan => new AdamW(plan, learningRate),
            "rmsprop" => plan => new RmsProp(plan, learningRate),
            "sgd" => plan => new Sgd(plan, learningRate),
            _ => throw new ArgumentException(
                $"unknown optimizer '{name}'; allowed: {string.Join(", ", Names)}",
                nameof(name)
            ),
        };
}
