namespace Sequor.Native;

/// <summary>What is known about one of the libraries.</summary>
/// <param name="Kind">The library.</param>
/// <param name="Name">The library's usual name.</param>
/// <param name="Found">Whether one was found in a version that Sequor can use.</param>
/// <param name="Path">The file that was loaded, even if it was refused; null if none was.</param>
/// <param name="Version">The library's version; null where it is not known.</param>
/// <param name="Failure">Why it cannot be used; null if it can. A driver can be found and have no device.</param>
/// <param name="Advice">What to do about the failure; null if nothing needs to be done.</param>
/// <param name="Attempts">What was tried, in order.</param>
public sealed record LibraryStatus(
    LibraryKind Kind,
    string Name,
    bool Found,
    string? Path,
    string? Version,
    LibraryFailure? Failure,
    string? Advice,
    IReadOnlyList<SearchAttempt> Attempts
)
{
    /// <summary>The kind of place where it was found, such as the system's loader; null if it was not found.</summary>
    public string? Place => Attempts.LastOrDefault(a => a.Loaded && a.Path == Path)?.Place;

    internal static LibraryStatus Of<T>(string name, LibraryResult<T> result, Advice advice)
        where T : FunctionTable =>
        new(
            result.Kind,
            name,
            result.Failure is not { Kind: not (FailureKind.NoDevice or FailureKind.DriverFailed) },
            result.Path.Length > 0 ? result.Path : null,
            result.Version.Length > 0 ? result.Version : null,
            result.Failure,
            result.Failure is { } failure ? advice.For(failure, result.Attempts) : null,
            result.Attempts
        );
}
