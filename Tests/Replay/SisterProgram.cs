namespace Sequor.Replay;

/// <summary>Programs of the same build, each of which has a folder of its own beside this one's.</summary>
internal static class SisterProgram
{
    /// <summary>Where a program is: as bin/NAME/release/NAME beside bin/Sequor.Replay/release.</summary>
    /// <param name="project">The folder's name.</param>
    /// <param name="program">The program's, where it is another.</param>
    public static string Path(string project, string? program = null)
    {
        string own = System.IO.Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        var pivot = new DirectoryInfo(own);
        string name = (program ?? project) + (OperatingSystem.IsWindows() ? ".exe" : "");
        return System.IO.Path.Combine(
            pivot.Parent?.Parent?.FullName ?? own,
            project,
            pivot.Name,
            name
        );
    }
}
