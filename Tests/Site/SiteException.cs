namespace Sequor.Site;

/// <summary>The site cannot be made; the message says why.</summary>
internal sealed class SiteException(string message, int exitCode = 1) : Exception(message)
{
    /// <summary>The exit code where docfx cannot be had, which is no fault of the documents.</summary>
    public const int NoDocfx = 3;

    /// <summary>What the program ends with.</summary>
    public int ExitCode { get; } = exitCode;
}
