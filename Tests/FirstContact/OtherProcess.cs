using System.Diagnostics;

namespace Sequor.FirstContact;

/// <summary>A process that has ended.</summary>
internal sealed record FinishedProcess(int ExitCode, string Output, string Error)
{
    /// <summary>What it said last, in a line.</summary>
    public string LastWords =>
        $"exit code {ExitCode}: "
        + ((Error.Trim().Length > 0 ? Error : Output).Trim().Split('\n').LastOrDefault() ?? "");
}

/// <summary>Runs programs to their end; the check's own limit ends those that hang, as they are its children.</summary>
internal static class OtherProcess
{
    public static FinishedProcess Run(
        string program,
        IEnumerable<string> arguments,
        bool emptyEnvironment = false,
        params (string Name, string? Value)[] variables
    )
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (emptyEnvironment)
        {
            // What .NET itself is found by.
            string? root = Environment.GetEnvironmentVariable("DOTNET_ROOT");
            start.Environment.Clear();
            if (root is not null)
                start.Environment["DOTNET_ROOT"] = root;
        }
        foreach ((string name, string? value) in variables)
            start.Environment[name] = value;
        using Process process =
            Process.Start(start)
            ?? throw new InvalidOperationException($"{program} was not started");
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        // Into the check's log.
        Console.Out.WriteLine(
            $"$ {Path.GetFileName(program)} {string.Join(' ', start.ArgumentList)}"
        );
        Console.Out.WriteLine(output);
        Console.Out.WriteLine(error.Result);
        return new(process.ExitCode, output, error.Result);
    }
}
