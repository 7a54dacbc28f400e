namespace Sequor.Native;

/// <summary>What became of looking for one library.</summary>
/// <typeparam name="T">The table of its functions.</typeparam>
public sealed class LibraryResult<T>
    where T : FunctionTable
{
    internal LibraryResult(
        LibraryKind kind,
        IReadOnlyList<SearchAttempt> attempts,
        T? table,
        string version,
        string path,
        LibraryFailure? failure
    )
    {
        Kind = kind;
        Attempts = attempts;
        Table = table;
        Version = version;
        Path = path;
        Failure = failure;
    }

    /// <summary>Which library.</summary>
    public LibraryKind Kind { get; }

    /// <summary>Its functions; null where <see cref="Failure"/> is not.</summary>
    public T? Table { get; }

    /// <summary>Its version, such as 9.6.0; empty where it is not known.</summary>
    public string Version { get; }

    /// <summary>
    /// The file, or what else its functions are from; the one that was refused where there is a
    /// <see cref="Failure"/>. Empty where none was loaded.
    /// </summary>
    public string Path { get; }

    /// <summary>Why it cannot be used; null where it can.</summary>
    public LibraryFailure? Failure { get; }

    /// <summary>What was tried, in order.</summary>
    public IReadOnlyList<SearchAttempt> Attempts { get; }

    /// <summary>Its functions.</summary>
    /// <exception cref="LibraryException">It cannot be used.</exception>
    public T Require() => Table ?? throw new LibraryException(Failure!, Attempts);
}
