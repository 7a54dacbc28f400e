namespace Sequor.Layers;

/// <summary>
/// A file is no checkpoint, or not one of the model and optimizer at hand. The message names the file and what differs.
/// </summary>
public sealed class CheckpointException : Exception
{
    /// <summary>An error without a reason.</summary>
    public CheckpointException()
        : this("The checkpoint does not fit.") { }

    /// <summary>An error with its reason.</summary>
    public CheckpointException(string message)
        : base(message) { }

    /// <summary>An error with its reason and what caused it.</summary>
    public CheckpointException(string message, Exception inner)
        : base(message, inner) { }
}
