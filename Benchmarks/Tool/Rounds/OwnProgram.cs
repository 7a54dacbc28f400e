using System.Diagnostics;

namespace Sequor.Tool;

/// <summary>How this program is started once more, for a process that measures and nothing else.</summary>
internal static class OwnProgram
{
    private const string Name = "sequor";

    /// <summary>Another process of this program.</summary>
    /// <exception cref="FailureException">It is not known where the program is.</exception>
    public static ProcessStartInfo Start(IEnumerable<string> arguments)
    {
        string? running = Environment.ProcessPath;
        if (running is not null && Path.GetFileNameWithoutExtension(running) == Name)
            return new ProcessStartInfo(running, arguments);
        // Called within another program, or by `dotnet sequor.dll`: the program lies beside its assembly.
        string beside = Path.Combine(
            AppContext.BaseDirectory,
            OperatingSystem.IsWindows() ? Name + ".exe" : Name
        );
        return File.Exists(beside)
            ? new ProcessStartInfo(beside, arguments)
            : throw new FailureException(
                $"'{beside}' is not there, which would measure in a process of its own"
            );
    }
}
