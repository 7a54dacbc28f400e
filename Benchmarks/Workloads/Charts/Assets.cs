namespace Sequor.Workloads.Charts;

/// <summary>The files of this folder that pages are made of.</summary>
internal static class Assets
{
    public static string Css { get; } = Read("page.css");

    public static string Charts { get; } = Read("charts.js");

    public static string ProfileCss { get; } = Read("profile.css");

    public static string Profile { get; } = Read("profile.js");

    public static string UPlotCss { get; } = Read("uPlot/uPlot.min.css");

    public static string UPlotLicense { get; } = Read("uPlot/LICENSE");

    /// <summary>Without its first line, a comment that the license takes the place of: so no page names an address.</summary>
    public static string UPlot { get; } = WithoutBanner(Read("uPlot/uPlot.iife.min.js"));

    private static string WithoutBanner(string script) =>
        script.StartsWith("/*!", StringComparison.Ordinal)
            ? script[(script.IndexOf('\n', StringComparison.Ordinal) + 1)..]
            : script;

    private static string Read(string name)
    {
        using Stream stream =
            typeof(Assets).Assembly.GetManifestResourceStream($"Charts/{name}")
            ?? throw new InvalidOperationException($"Charts/{name} is not in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
