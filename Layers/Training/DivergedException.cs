namespace Sequor.Layers;

/// <summary>Training diverged: a loss or a gradient is NaN or infinite.</summary>
public sealed class DivergedException : Exception
{
    /// <summary>Makes an error without details.</summary>
    public DivergedException()
        : this("Training diverged.") { }

    /// <summary>Makes an error that says at which step, and in which tensor it began.</summary>
    public DivergedException(string message)
        : base(message) { }

    /// <summary>Makes an error with its cause.</summary>
    public DivergedException(string message, Exception inner)
        : base(message, inner) { }

    /// <summary>The first step whose loss or gradients are not finite, from 1; null if it is not a step's.</summary>
    public long? Step { get; init; }
}
