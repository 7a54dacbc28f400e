namespace Sequor.Native;

/// <summary>A library was needed that cannot be used; the message has the reason and all that was tried.</summary>
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
