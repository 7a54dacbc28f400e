namespace Sequor.Native;

/// <summary>The result of searching for one library.</summary>
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

    /// <summary>The library's functions; null if there is a <see cref="Failure"/>.</summary>
    public T? Table { get; }

    /// <summary>The library's version, such as 9.6.0; empty where it is not known.</summary>
    public string Version { get; }

    /// <summary>
    /// The file, or whatever else its functions come from; if there is a <see cref="Failure"/>, the file that was refused. Empty if none
    /// was loaded.
    /// </summary>
    public string Path { get; }

    /// <summary>Why it cannot be used; null if it can.</summary>
    public LibraryFailure? Failure { get; }

    /// <summary>What was tried, in order.</summary>
    public IReadOnlyList<SearchAttempt> Attempts { get; }

    /// <summary>The library's functions, if it can be used.</summary>
    /// <exception cref="LibraryException">It cannot be used.</exception>
    public T Require() => Table ?? throw new LibraryException(Failure!, Attempts);
}
