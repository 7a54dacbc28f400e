namespace Sequor.Native;

/// <summary>One file that was tried, or one name that the system's loader was asked for.</summary>
/// <param name="Library">The library that was searched for.</param>
/// <param name="Place">What the path comes from: an option, an environment variable, the system's loader and so on.</param>
/// <param name="Path">The path or name that was tried.</param>
/// <param name="Loaded">Whether it was loaded.</param>
/// <param name="Reason">The system's reason if it was not loaded; else empty.</param>
public sealed record SearchAttempt(
    LibraryKind Library,
    string Place,
    string Path,
    bool Loaded,
    string Reason
)
{
    /// <summary>The attempt in one line.</summary>
    public override string ToString() => $"{Path} ({Place}): {(Loaded ? "loaded" : Reason)}";
}
