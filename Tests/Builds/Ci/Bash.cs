using System.Diagnostics;

namespace Sequor.Tests.Builds;

/// <summary>Asks bash whether a script can be read, without running it.</summary>
internal static class Bash
{
    /// <summary>Why bash cannot read a script; null where it can, or where there is no bash to ask.</summary>
    public static string? Refuses(string script)
    {
        // Windows may have one that is only a door to another system.
        if (OperatingSystem.IsWindows())
            return null;
        using Process bash = Process.Start(
            new ProcessStartInfo("bash", "-n")
            {
                RedirectStandardInput = true,
                RedirectStandardError = true,
            }
        )!;
        bash.StandardInput.Write(script);
        bash.StandardInput.Close();
        string error = bash.StandardError.ReadToEnd();
        bash.WaitForExit();
        return bash.ExitCode == 0 ? null : $"bash cannot read it: {error.Trim()}";
    }
}
