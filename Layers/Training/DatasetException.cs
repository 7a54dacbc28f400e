namespace Sequor.Layers;

/// <summary>
/// A dataset broke the rules of <see cref="Dataset"/>: its sizes changed, it filled a sequence beyond its end, or it gave a class
/// that does not exist.
/// </summary>
public sealed class DatasetException : Exception
{
    /// <summary>An error without details.</summary>
    public DatasetException()
        : this("A dataset broke its word.") { }

    /// <summary>An error that names the set, the sequence and what is allowed.</summary>
    public DatasetException(string message)
        : base(message) { }

    /// <summary>An error with its cause.</summary>
    public DatasetException(string message, Exception inner)
        : base(message, inner) { }
}
