namespace Sequor.Layers;

/// <summary>Training diverged: a loss or a gradient is NaN or infinite.</summary>
public sealed class DivergedException : Exception
{
    /// <summary>An error without details.</summary>
    public DivergedException()
        : this("Training diverged.") { }

    /// <summary>An error that says at which step, and in which tensor it began.</summary>
    public DivergedException(string message)
        : base(message) { }

    /// <summary>An error with its cause.</summary>
    public DivergedException(string message, Exception inner)
        : base(message, inner) { }

    /// <summary>The step whose loss or gradients are the first that are not finite, from 1; null where no step's are.</summary>
    public long? Step { get; init; }
}
