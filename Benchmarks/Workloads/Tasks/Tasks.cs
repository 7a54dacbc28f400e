using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The tasks by name.</summary>
public static class Tasks
{
    /// <summary>The names in options and reports.</summary>
    public static IReadOnlyList<string> Names { get; } = ["adding", "copy"];

    /// <summary>Makes a task.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="length">T as the papers count it: the delay of copy memory, whose sequences are 20 steps longer.</param>
    /// <exception cref="ArgumentException">No such task, or it does not come in this length.</exception>
    public static SequenceTask Create(string name, int length) =>
        name switch
        {
            "adding" => new AddingProblem(length),
            "copy" => new CopyMemory(length),
            _ => throw new ArgumentException(
                $"unknown task '{name}'; allowed: {string.Join(", ", Names)}",
                nameof(name)
            ),
        };
}
