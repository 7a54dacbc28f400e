using System.ComponentModel;
using System.Diagnostics;

namespace Sequor.Site;

/// <summary>Runs docfx, a tool of .NET in the version that the manifest beside the site's files names.</summary>
/// <param name="folder">The folder with the manifest, in .config.</param>
internal sealed class Docfx(string folder)
{
    /// <summary>Restores the tool and makes a site.</summary>
    /// <param name="configuration">Its docfx.json.</param>
    /// <param name="output">The folder that the site goes to.</param>
    /// <exception cref="SiteException">It cannot be restored, or it has an error or a warning to tell.</exception>
    public void Run(string configuration, string output)
    {
        // Where it is there already, no source of packages is asked.
        (int code, string text) = Dotnet("docfx", "--version");
        if (code != 0)
            (code, text) = Dotnet("tool", "restore");
        if (code != 0)
            throw new SiteException(
                $"{text}\ndocs needs docfx ({Path.Combine(folder, ".config", "dotnet-tools.json")}), which could not be restored.",
                SiteException.NoDocfx
            );
        (code, text) = Dotnet("docfx", configuration, "--warningsAsErrors", "--output", output);
        if (code != 0 || !File.Exists(Path.Combine(output, "index.html")))
            throw new SiteException($"{Faults(text)}\ndocfx did not make the site.");
    }

    // Lines that tell of errors and warnings, or all where there is none.
    private static string Faults(string text)
    {
        string[] lines = text.Split('\n');
        string[] faults =
        [
            .. lines.Where(line =>
                line.Contains("error", StringComparison.OrdinalIgnoreCase)
                || line.Contains("warning", StringComparison.OrdinalIgnoreCase)
            ),
        ];
        return string.Join('\n', faults.Length > 0 ? faults : lines).TrimEnd();
    }

    private (int Code, string Text) Dotnet(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // The tool is for an older .NET where it has no newer form.
        start.Environment["DOTNET_ROLL_FORWARD"] = "Major";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, (text + errors.Result).Trim());
        }
        catch (Win32Exception e)
        {
            throw new SiteException(
                $"dotnet cannot be started: {e.Message}",
                SiteException.NoDocfx
            );
        }
    }
}
