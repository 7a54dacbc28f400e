using System.Diagnostics;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds;

/// <summary>Two builds of one commit, in two folders.</summary>
[TestFixture]
[Category("Long")]
[Platform("Linux")]
public sealed class ReproducibleBuildTests
{
    [Test]
    public void Builds_in_two_folders_are_the_same()
    {
        string root = Repository.Root(
            ".git",
            "there is no repository to clone: this test program runs outside it"
        );
        string script = Path.Combine(root, "Tests", "Scripts", "reproducible.test.sh");
        var start = new ProcessStartInfo(script)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output.Result + error.Result);
    }
}
