namespace Sequor.Layers;

/// <summary>
/// The folder in which Sequor keeps what it found out about this machine, and can find out again: SEQUOR_CACHE where that is set,
/// else "sequor" in the user's folder for such things. Nothing is made before something is written.
/// </summary>
/// <param name="Path">The folder, in full; null where there is no place for one.</param>
/// <param name="Refusal">Why there is none; null where there is one.</param>
internal sealed record CacheFolder(string? Path, string? Refusal)
{
    /// <summary>Names the folder instead of the user's.</summary>
    public const string Variable = "SEQUOR_CACHE";

    private const string Name = "sequor";

    /// <summary>This user's.</summary>
    public static CacheFolder Find() =>
        OperatingSystem.IsWindows() ? OnWindows(Environment.GetEnvironmentVariable)
        : OperatingSystem.IsMacOS() ? OnMac(Environment.GetEnvironmentVariable)
        : OnLinux(Environment.GetEnvironmentVariable);

    /// <summary>XDG_CACHE_HOME/sequor, or .cache/sequor in the user's folder.</summary>
    /// <param name="variable">Gives a variable of the environment, or null.</param>
    public static CacheFolder OnLinux(Func<string, string?> variable) =>
        Given(variable)
        // The specification of these folders has a relative path ignored.
        ?? (
            variable("XDG_CACHE_HOME") is { } home && System.IO.Path.IsPathRooted(home)
                ? At(home, Name)
                : Below(variable, "HOME", ".cache", Name)
        );

    /// <summary>Library/Caches/sequor in the user's folder.</summary>
    /// <param name="variable">Gives a variable of the environment, or null.</param>
    public static CacheFolder OnMac(Func<string, string?> variable) =>
        Given(variable) ?? Below(variable, "HOME", "Library", "Caches", Name);

    /// <summary>sequor\cache in the user's local application data.</summary>
    /// <param name="variable">Gives a variable of the environment, or null.</param>
    public static CacheFolder OnWindows(Func<string, string?> variable) =>
        Given(variable) ?? Below(variable, "LOCALAPPDATA", Name, "cache");

    /// <summary>Makes the folder where it is not there, for its user alone.</summary>
    /// <returns>Null, or why it cannot be made.</returns>
    public string? Create()
    {
        if (Path is null)
            return Refusal;
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(Path);
            else
                Directory.CreateDirectory(
                    Path,
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                );
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the folder '{Path}' cannot be made: {e.Message}";
        }
    }

    private static CacheFolder? Given(Func<string, string?> variable) =>
        string.IsNullOrEmpty(variable(Variable)) ? null : At(variable(Variable)!);

    private static CacheFolder Below(
        Func<string, string?> variable,
        string name,
        params ReadOnlySpan<string> folders
    ) =>
        variable(name) is { } home && System.IO.Path.IsPathRooted(home)
            ? At([home, .. folders])
            : new CacheFolder(
                null,
                $"there is no folder for what is kept: neither {Variable} nor {name} names one"
            );

    private static CacheFolder At(params ReadOnlySpan<string> parts)
    {
        string path = System.IO.Path.Join(parts);
        try
        {
            return new CacheFolder(System.IO.Path.GetFullPath(path), null);
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            return new CacheFolder(null, $"'{path}' is no folder's name: {e.Message}");
        }
    }
}
