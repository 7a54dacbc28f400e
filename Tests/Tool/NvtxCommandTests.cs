using System.Diagnostics;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>
/// The built program under a profiler that is a real shared library, made of C by the machine's compiler; and under what is none.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
[Platform(Exclude = "Win", Reason = "a shell's script and a C compiler")]
public sealed class NvtxCommandTests : FolderTest
{
    private const string Bench =
        "bench --device cpu --threads 1 --arch gru --length 5 --hidden 4 --layers 1 --batch 2 --warmup 1 --steps 2 --json bench.json";

    [Test]
    public void A_profiler_made_of_c_is_told_of_all_steps()
    {
        Compile();
        ProgramResult result = Run("$PWD/tool.so", Bench);
        result.RequireSuccess();
        string[] told = File.ReadAllLines(PathOf("told"));
        Assert.That(told[0], Is.EqualTo("domain Sequor"));
        Assert.That(told, Has.Member("category 2 forward").And.None.Contains("bad event"));
        // Warm-up, measured steps, and the one that is counted; each with ranges that end before it does.
        int steps = told.Count(line => line == "start step");
        Assert.That(steps, Is.GreaterThanOrEqualTo(3));
        Assert.That(told.Count(line => line == "end 7"), Is.EqualTo(steps));
        string text = string.Join('\n', told);
        foreach (
            string range in (string[])
                [
                    @"^start step\n(?:.*\n)*?push forward\n  push Sequential\n    push 0 Gru\n      push recurrent \[5, 2, 2\]",
                    @"^push loss MeanSquaredError$",
                    @"^push backward$",
                    @"^push update Adam$",
                ]
        )
            Assert.That(Regex.Count(text, range, RegexOptions.Multiline), Is.EqualTo(steps), text);
        ProgramResult doctor = Run("$PWD/tool.so", "doctor");
        Assert.That(doctor.Output, Does.Match(@"(?m)^profiler +listens: .*/tool\.so$"));
    }

    [Test]
    [Category("Long")]
    public void A_profiler_that_refuses_changes_nothing_and_doctor_tells_it()
    {
        Compile("-DREFUSES");
        Run("$PWD/tool.so", Bench).RequireSuccess();
        ProgramResult doctor = Run("$PWD/tool.so", "doctor");
        doctor.RequireSuccess();
        Assert.That(
            doctor.Output,
            Does.Match(
                @"(?m)^profiler +does not listen: InitializeInjectionNvtx2 of .*/tool\.so gave 0$"
            )
        );
    }

    [Test]
    [Category("Long")]
    public void What_is_no_profiler_changes_nothing_and_doctor_tells_it()
    {
        File.WriteAllText(PathOf("text.so"), "no library");
        foreach (string path in (string[])["$PWD/none.so", "$PWD/text.so", "$PWD"])
        {
            Run(path, Bench).RequireSuccess();
            ProgramResult doctor = Run(path, "doctor");
            doctor.RequireSuccess();
            Assert.That(
                doctor.Output,
                Does.Match(
                    @"(?m)^profiler +does not listen: .*, which NVTX_INJECTION64_PATH names, cannot be loaded: .+$"
                )
            );
        }
    }

    private ProgramResult Run(string tool, string arguments) =>
        Program.RunScript(
            Folder,
            $"""NVTX_TOOL_OUTPUT="$PWD/told" NVTX_INJECTION64_PATH="{tool}" "$sequor" {arguments}"""
        );

    private void Compile(string more = "")
    {
        using (
            Stream source = typeof(NvtxCommandTests).Assembly.GetManifestResourceStream(
                "nvtx-tool.c"
            )!
        )
        using (FileStream file = File.Create(PathOf("tool.c")))
            source.CopyTo(file);
        var start = new ProcessStartInfo(
            "sh",
            [
                "-c",
                $"for c in cc gcc clang clang-19; do command -v $c > compiler && exec $c -shared -fPIC {more} -o tool.so tool.c; done; exit 127",
            ]
        )
        {
            WorkingDirectory = Folder,
            RedirectStandardError = true,
        };
        using Process compiler = Process.Start(start)!;
        string said = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        if (compiler.ExitCode == 127)
            Assert.Ignore("there is no C compiler: none of cc, gcc, clang, clang-19");
        Assert.That(compiler.ExitCode, Is.Zero, said);
    }
}
