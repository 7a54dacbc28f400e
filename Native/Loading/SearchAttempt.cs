namespace Sequor.Native;

/// <summary>One file that was tried, or one name that the system's loader was asked for.</summary>
/// <param name="Library">What was looked for.</param>
/// <param name="Place">Where from: an option, an environment variable, the system's loader ...</param>
/// <param name="Path">The path or name tried.</param>
/// <param name="Loaded">Whether it was loaded.</param>
/// <param name="Reason">The system's reason if it was not; else empty.</param>
public sealed record SearchAttempt(
    LibraryKind Library,
    string Place,
    string Path,
    bool Loaded,
    string Reason
)
{
    /// <summary>One line.</summary>
    public override string ToString() => $"{Path} ({Place}): {(Loaded ? "loaded" : Reason)}";
}
