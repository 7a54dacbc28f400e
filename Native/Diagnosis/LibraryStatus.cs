namespace Sequor.Native;

/// <summary>What is known of one library, whichever it is.</summary>
/// <param name="Kind">Which library.</param>
/// <param name="Name">What people call it.</param>
/// <param name="Found">One of a version that Sequor can use was found.</param>
/// <param name="Path">The file that was loaded, also where it was refused; null where none was.</param>
/// <param name="Version">Its version; null where it is not known.</param>
/// <param name="Failure">Why it cannot be used; null where it can. A driver can be found and have no device.</param>
/// <param name="Advice">What to do about the failure; null where nothing is to be done.</param>
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
    /// <summary>Where it was found, as in the system's loader; null where it was not.</summary>
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
