using System.ComponentModel;
using System.Diagnostics;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.C;

/// <summary>A C compiler and a C++ compiler take the header, the example and the tests' programs without a warning.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[Platform(Exclude = "Win")]
internal sealed class CompilerTests
{
    private static readonly string[] Sources =
    [
        "docs/examples/10-from-c.c",
        "Tests/C/measure.c",
        "Tests/C/fork.c",
    ];

    [TestCaseSource(nameof(Sources))]
    public void C99_takes_it(string source) => Check("cc", "-std=c99", "-pedantic", source);

    [Test]
    public void Cpp_takes_the_header_and_the_example() =>
        Check("c++", "-x", "c++", "docs/examples/10-from-c.c");

    private static void Check(string compiler, params string[] arguments)
    {
        string root = Repository.Root();
        string[] all =
        [
            .. arguments[..^1],
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fsyntax-only",
            "-I",
            Path.Join(root, "Layers", "C"),
            Path.Join(root, arguments[^1]),
        ];
        var start = new ProcessStartInfo(compiler, all) { RedirectStandardError = true };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            Assert.Ignore($"there is no {compiler}: {e.Message}");
            return;
        }
        using (process)
        {
            string said = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, said);
        }
    }
}
