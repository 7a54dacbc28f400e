namespace Sequor.Layers;

/// <summary>A dataset broke its word: sizes changed, a sequence was filled beyond its end, or a class is none.</summary>
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
