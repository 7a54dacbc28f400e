namespace Sequor.Layers;

/// <summary>A file is not a checkpoint, or belongs to another model or optimizer. The message names the file and the differences.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Makes an error without a reason.</summary>
    public CheckpointException()
        : this("The checkpoint does not fit.") { }

    /// <summary>Makes an error with its reason.</summary>
    public CheckpointException(string message)
        : base(message) { }

    /// <summary>Makes an error with its reason and its cause.</summary>
    public CheckpointException(string message, Exception inner)
        : base(message, inner) { }
}
