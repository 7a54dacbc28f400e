namespace Sequor.Layers;

/// <summary>
/// A dataset broke the rules of <see cref="Dataset"/>: its sizes changed, it filled a sequence beyond its end, or it gave a class
/// that does not exist.
/// </summary>
public sealed class DatasetException : Exception
{
    /// <summary>Makes an error without details.</summary>
    public DatasetException()
        : this("A dataset broke its word.") { }

    /// <summary>Makes an error that names the set, the sequence and what is allowed.</summary>
    public DatasetException(string message)
        : base(message) { }

    /// <summary>Makes an error with its cause.</summary>
    public DatasetException(string message, Exception inner)
        : base(message, inner) { }
}
