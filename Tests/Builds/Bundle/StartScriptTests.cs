using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Tool;

namespace Sequor.Tests.Bundle;

/// <summary>The bundle's script, with programs that only say how they were called.</summary>
[TestFixture]
[Platform("Linux")]
public sealed class StartScriptTests : FolderTest
{
    // Fails as WRONG tells; writes what --json names, and says its arguments.
    private const string Program = """
        #!/bin/sh
        echo "$0 $* ${SEQUOR_REQUIRE_GPU:-}" >>"$CALLS"
        case "$*" in
            *"$WRONG"*) echo "sequor: it is wrong" >&2; exit 1 ;;
        esac
        while [ $# -gt 0 ]; do
            [ "$1" != --json ] || echo '{}' >"$2"
            shift
        done
        echo 'Test run summary: Passed!'
        echo '  total: 5'
        echo '  failed: 0'
        echo '  succeeded: 4'
        echo '  skipped: 1'
        """;

    private string Results => PathOf("the results");

    [SetUp]
    public void Lay()
    {
        File.Copy(Script(), PathOf("start.sh"));
        Executable("start.sh");
        foreach (
            string program in (string[])
                [
                    "Tool/build/sequor",
                    "Tests/build/Sequor.Tests",
                    "Cuda.Tests/build/Sequor.Cuda.Tests",
                    "VirtualGpu.Tests/build/Sequor.VirtualGpu.Tests",
                ]
        )
        {
            string path = Path.Combine(Folder, "bin", "Sequor." + program);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, Program);
            Executable(path);
        }
    }

    [Test]
    public void Measure_runs_all_and_leaves_its_results()
    {
        (int code, string output, string error) = Run("no such thing");

        Assert.That(code, Is.Zero, error);
        Assert.That(output, Does.EndWith($"the results are in {Results}\n"));
        string[] expected =
        [
            .. "bench.json bench.txt doctor.json doctor.txt profile.json profile.txt tests.json tests.txt".Split(
                ' '
            ),
            .. "rnn lstm gru tcn lru"
                .Split(' ')
                .SelectMany(arch => (string[])[$"train-{arch}.json", $"train-{arch}.txt"]),
        ];
        Assert.That(
            Directory.GetFiles(Results).Select(path => Path.GetFileName(path)),
            Is.EquivalentTo(expected)
        );
        JsonNode tests = JsonNode.Parse(File.ReadAllText(Path.Combine(Results, "tests.json")))!;
        Assert.That(
            tests.ToJsonString(),
            Is.EqualTo(
                """{"schema":"sequor.tests/1","exit_code":0,"succeeded":12,"failed":0,"skipped":3}"""
            )
        );
        string calls = File.ReadAllText(PathOf("calls"));
        Assert.That(calls, Does.Match("Sequor.Tests .*TestCategory=Gpu.* 1\n"));
        Assert.That(calls, Does.Match("sequor bench --device cuda --json .*bench.json"));
        Assert.That(calls, Does.Match("sequor profile --device cuda --json .*profile.trace.json"));
        Assert.That(calls, Does.Match("sequor train --device cuda --arch lru .*train-lru.json"));
    }

    [Test]
    public void Without_a_gpu_measure_says_so_and_runs_nothing()
    {
        (int code, _, string error) = Run("--device cuda");
        Assert.That(code, Is.EqualTo(1));
        Assert.That(
            error,
            Does.StartWith("measure: there is no GPU to measure on: sequor: it is wrong")
        );
        Assert.That(File.ReadAllText(PathOf("calls")), Does.Not.Contain("train"));
        Assert.That(File.Exists(Path.Combine(Results, "doctor.json")));
    }

    [Test]
    public void What_fails_is_told_and_the_rest_runs(
        [Values("TestCategory=Gpu", "bench.html", "--trace", "--arch gru")] string wrong
    )
    {
        (int code, _, string error) = Run(wrong);
        Assert.That(code, Is.EqualTo(1));
        string name = wrong switch
        {
            "bench.html" => "bench",
            "--trace" => "profile",
            "--arch gru" => "train-gru",
            _ => "tests",
        };
        Assert.That(error, Does.Contain($"measure: failed: {name}; "));
        Assert.That(File.Exists(Path.Combine(Results, "train-lru.json")));
        string tests = File.ReadAllText(Path.Combine(Results, "tests.json"));
        Assert.That(tests, Does.Contain(name == "tests" ? "\"exit_code\":1" : "\"exit_code\":0"));
    }

    [Test]
    public void Measure_wants_a_folder()
    {
        using Process process = Start(["measure"], "-", null);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.EqualTo(2));
    }

    // What computes is by .NET; what only reads and prints is started at once, where that runs.
    [TestCase("list", "native")]
    [TestCase("list --json -", "native")]
    [TestCase("sequor list", "native")]
    [TestCase("--version", "native")]
    [TestCase("compare a b", "native")]
    [TestCase("history a", "native")]
    [TestCase("page a", "native")]
    [TestCase("bench --arch lru", "bin")]
    [TestCase("sequor bench", "bin")]
    [TestCase("train", "bin")]
    [TestCase("profile", "bin")]
    [TestCase("reproduce", "bin")]
    [TestCase("doctor", "bin")]
    [TestCase("--help", "bin")]
    public void Each_command_is_run_by_the_program_that_suits(string line, string expected)
    {
        LayNative();
        string[] words = line.Split(' ');
        string told = line.Replace("sequor ", "", StringComparison.Ordinal);
        Assert.That(Called(words, null), Is.EqualTo($"{expected} {told}"));
        Assert.That(Called(words, ""), Is.EqualTo($"{expected} {told}"));
        Assert.That(Called(words, "jit"), Is.EqualTo($"bin {told}"));
        Assert.That(Called(words, "aot"), Is.EqualTo($"native {told}"));
    }

    [Test]
    public void Without_machine_code_all_is_run_by_dotnet()
    {
        Assert.That(Called(["list"], null), Is.EqualTo("bin list"));
        RefusedAsNotThere();
    }

    [Test]
    public void Machine_code_that_does_not_run_here_is_left_alone()
    {
        LayNative();
        // As one that was linked with a newer C library.
        File.WriteAllText(PathOf("native/sequor"), "#!/bin/sh\nexit 1\n");
        Assert.That(Called(["list"], null), Is.EqualTo("bin list"));
        RefusedAsNotThere();
    }

    [Test]
    public void A_compiler_that_there_is_not_is_refused(
        [Values("list", "smoke", "measure")] string verb
    )
    {
        LayNative();
        string[] words = verb == "measure" ? [verb, Results] : [verb];
        (int code, string output, string error) = Run(words, "-", "AOT");
        Assert.That((code, output), Is.EqualTo((2, "")));
        Assert.That(error, Is.EqualTo("SEQUOR_COMPILER is 'AOT'; allowed: jit, aot.\n"));
        Assert.That(File.Exists(PathOf("calls")), Is.False);
    }

    private void RefusedAsNotThere()
    {
        (int code, string output, string error) = Run(["bench"], "-", "aot");
        Assert.That((code, output), Is.EqualTo((1, "")));
        Assert.That(error, Does.Contain("is not in this bundle or does not run here"));
    }

    // On a processor without AVX2 the script does not try it.
    private void LayNative()
    {
        if (
            RuntimeInformation.OSArchitecture == Architecture.X64
            && !System.Runtime.Intrinsics.X86.Avx2.IsSupported
        )
            Assert.Ignore("machine code is for AVX2, which this processor has not");
        Directory.CreateDirectory(PathOf("native"));
        File.WriteAllText(PathOf("native/sequor"), Program);
        Executable("native/sequor");
    }

    // The last call: the folder at the top that its program is in, and its arguments.
    private string Called(string[] words, string? compiler)
    {
        (int code, _, string error) = Run(words, "no such thing", compiler);
        Assert.That(code, Is.Zero, error);
        string call = File.ReadAllLines(PathOf("calls"))[^1].TrimEnd();
        int end = call.IndexOf("/sequor ", StringComparison.Ordinal);
        string below = Path.GetRelativePath(Folder, call[..end]);
        return $"{below.Split('/')[0]} {call[(end + "/sequor ".Length)..]}";
    }

    private (int Code, string Output, string Error) Run(string wrong) =>
        Run(["measure", Results], wrong, null);

    private (int Code, string Output, string Error) Run(
        string[] arguments,
        string wrong,
        string? compiler
    )
    {
        using Process process = Start(arguments, wrong, compiler);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return (process.ExitCode, output.Result, error.Result);
    }

    private Process Start(string[] arguments, string wrong, string? compiler)
    {
        var start = new ProcessStartInfo(PathOf("start.sh"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        start.Environment["CALLS"] = PathOf("calls");
        start.Environment["WRONG"] = wrong;
        start.Environment.Remove("SEQUOR_COMPILER");
        if (compiler is not null)
            start.Environment["SEQUOR_COMPILER"] = compiler;
        return Process.Start(start)!;
    }

    private void Executable(string path)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(
                Path.Combine(Folder, path),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
    }

    private static string Script()
    {
        for (
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            folder is not null;
            folder = folder.Parent
        )
        {
            // In the repository, or at the top of a bundle.
            foreach (string place in (string[])["Benchmarks/Bundle/start.sh", "start.sh"])
            {
                string script = Path.Combine(folder.FullName, place);
                if (File.Exists(script))
                    return script;
            }
        }
        throw new FileNotFoundException("start.sh is nowhere above the tests.");
    }
}
