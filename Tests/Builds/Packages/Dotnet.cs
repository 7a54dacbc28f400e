using System.Diagnostics;
using NUnit.Framework;

namespace Sequor.Tests.Builds.Packages;

/// <summary>Runs programs as a user of packages does: in a folder of their own, with packages that nobody else takes.</summary>
/// <param name="packages">NuGet's folder of packages, so that none of an earlier test with the same version is taken.</param>
internal sealed class Dotnet(string packages)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(20);

    /// <summary>Runs dotnet in a folder.</summary>
    public Ended Run(string folder, params string[] arguments) =>
        Start("dotnet", folder, arguments);

    /// <summary>Runs dotnet, which has to end well.</summary>
    public string Succeed(string folder, params string[] arguments)
    {
        Ended ended = Run(folder, arguments);
        Assert.That(ended.ExitCode, Is.Zero, $"dotnet {string.Join(' ', arguments)}\n{ended.Text}");
        return ended.Text;
    }

    /// <summary>Runs any program in a folder.</summary>
    public Ended Start(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // What runs the tests says to its own children where its parts are.
        foreach (string name in start.Environment.Keys.ToArray())
        {
            if (name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase) || name == "CI")
                start.Environment.Remove(name);
        }
        start.Environment["NUGET_PACKAGES"] = packages;
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end in {Patience}");
        }
        return new(process.ExitCode, output.Result + error.Result);
    }
}

/// <summary>How a program ended, and all that it wrote.</summary>
internal sealed record Ended(int ExitCode, string Text);
