using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>
/// sequor of machine code, as <c>./build.sh publish</c> makes it. A test that asks for it is skipped, with the reason, where what
/// makes it is missing.
/// </summary>
internal static partial class PublishedProgram
{
    private static readonly Lazy<(string? Path, string? Missing, string? Failure)> Made = new(Make);

    /// <summary>Where it is.</summary>
    public static string Executable
    {
        get
        {
            (string? path, string? missing, string? failure) = Made.Value;
            if (missing is not null)
                Assert.Ignore(missing);
            if (failure is not null)
                Assert.Fail(failure);
            return path!;
        }
    }

    /// <summary>Where it is; null, with the reason, where what makes it is missing.</summary>
    public static string? Find(out string? reason)
    {
        (string? path, reason, string? failure) = Made.Value;
        if (failure is not null)
            Assert.Fail(failure);
        return path;
    }

    /// <summary>Runs it to its end.</summary>
    public static ProgramResult Run(params string[] arguments) =>
        Program.RunForm(Executable, arguments);

    private static (string?, string?, string?) Make()
    {
        string root = Repository.Root();
        string[] path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(
            Path.PathSeparator
        );
        if (
            !((string[])["clang", "gcc"]).Any(name =>
                path.Any(folder => File.Exists(Path.Combine(folder, name)))
            )
        )
            return (
                null,
                "neither clang nor gcc is on PATH, which the AOT compiler links with",
                null
            );
        // The outputs of ./build.sh publish: what has not changed is not compiled again.
        string outputs = Path.Combine(root, "artifacts", "obj", "publish");
        string folder = Path.Combine(outputs, "tests");
        var start = new ProcessStartInfo(
            "dotnet",
            [
                "publish",
                "Benchmarks/Tool/Sequor.Tool.csproj",
                "--configuration",
                "Release",
                "--runtime",
                RuntimeInformation.RuntimeIdentifier,
                "--artifacts-path",
                outputs,
                "--output",
                folder,
                "-p:PublishAot=true",
                "-nologo",
                "-verbosity:quiet",
                "-tl:off",
                "-nodeReuse:false",
                "-p:UseSharedCompilation=false",
            ]
        )
        {
            WorkingDirectory = root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd() + error.Result;
            process.WaitForExit();
            if (process.ExitCode == 0)
                return (Path.Combine(folder, "sequor"), null, null);
            Match missing = NoCompiler().Match(output);
            return missing.Success
                ? (null, $"the AOT compiler cannot be had: {missing.Value}", null)
                : (null, null, $"publish failed: {output}");
        }
        catch (Win32Exception e)
        {
            return (null, $"there is no SDK to publish with: dotnet: {e.Message}", null);
        }
    }

    // A package that no source has, or a source that is not reached.
    [GeneratedRegex(@"NU1(101|102|103|301)[^\n]*")]
    private static partial Regex NoCompiler();
}
