namespace Sequor.Native;

/// <summary>A library that cannot be used was needed; the message has the reason and everything that was tried.</summary>
public sealed class LibraryException : Exception
{
    internal LibraryException(LibraryFailure failure, IEnumerable<SearchAttempt> attempts)
        : base(string.Join("\n  ", [failure.Reason + ".", .. attempts.Select(a => a.ToString())]))
    {
        Failure = failure;
    }

    /// <summary>The reason.</summary>
    public LibraryFailure Failure { get; }
}
