using System.Diagnostics;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.C;

/// <summary>What sequor.py says where the library cannot be loaded, before it is.</summary>
[TestFixture]
[Parallelizable]
internal sealed class PythonTests : FolderTest
{
    [Test]
    public void A_processor_that_lacks_instructions_is_told_in_words()
    {
        File.WriteAllText(
            PathOf("new"),
            "processor\t: 0\nflags\t\t: fpu avx avx2 fma f16c bmi1 bmi2 movbe\n"
        );
        File.WriteAllText(PathOf("old"), "processor\t: 0\nflags\t\t: fpu avx f16c movbe\n");
        string said = Run(
            """
            import platform, sequor
            platform.machine = lambda: "x86_64"
            print(sequor.missing_instructions("new"), sequor.missing_instructions("old"), sequor.missing_instructions("none"))
            platform.machine = lambda: "aarch64"
            print(sequor.missing_instructions("old"))
            platform.machine = lambda: "x86_64"
            missing = sequor.missing_instructions
            sequor.missing_instructions = lambda: missing("old")
            try:
                sequor.Backend("cpu")
            except sequor.Error as error:
                print(error.status, error)
            """
        );
        Assert.That(
            said.ReplaceLineEndings("\n"),
            Is.EqualTo(
                "[] ['avx2', 'fma', 'bmi1', 'bmi2'] []\n[]\n"
                    + "LIBRARY libsequor is compiled for x86-64-v3, and this processor lacks avx2, fma, bmi1, bmi2; "
                    + "publish Layers/C with another IlcInstructionSet (docs/c.md)\n"
            )
        );
    }

    [Test]
    public void A_library_that_is_not_there_is_told_with_its_place()
    {
        string said = Run(
            """
            import os, sequor
            sequor.missing_instructions = lambda: []
            for where in (None, "none/libsequor.so"):
                if where:
                    os.environ["SEQUOR_LIBRARY"] = where
                try:
                    sequor.version()
                except sequor.Error as error:
                    print(error.status, error)
            """
        );
        Assert.That(
            said,
            Does.Contain("LIBRARY libsequor cannot be loaded from '")
                .And.Contain("which is beside sequor.py: ")
        );
        Assert.That(said, Does.Contain("from 'none/libsequor.so', which SEQUOR_LIBRARY names: "));
    }

    // A path is no business of the loader's, which would choose by itself.
    [Test]
    public void The_library_for_AVX512_is_taken_where_it_is_there_and_the_processor_has_it()
    {
        const string All = "fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl";
        File.WriteAllText(PathOf("wide"), $"flags\t\t: {All}\n");
        File.WriteAllText(PathOf("partly"), $"flags\t\t: {All.Replace(" avx512vl", "")}\n");
        string said = Run(
            """
            import os, platform, sequor
            platform.machine = lambda: "x86_64"
            here = os.path.dirname(os.path.abspath("sequor.py"))
            def show():
                print(*(os.path.relpath(sequor._path(cpu), here) for cpu in ("wide", "partly", "none")))
            show()
            os.makedirs("glibc-hwcaps/x86-64-v4")
            open("glibc-hwcaps/x86-64-v4/libsequor.so", "w").close()
            show()
            platform.machine = lambda: "aarch64"
            show()
            platform.machine = lambda: "x86_64"
            os.environ["SEQUOR_LIBRARY"] = "mine.so"
            show()
            """
        );
        Assert.That(
            said.ReplaceLineEndings("\n"),
            Is.EqualTo(
                "libsequor.so libsequor.so libsequor.so\n"
                    + "glibc-hwcaps/x86-64-v4/libsequor.so libsequor.so libsequor.so\n"
                    + "libsequor.so libsequor.so libsequor.so\n"
                    + "mine.so mine.so mine.so\n"
            )
        );
    }

    private string Run(string script)
    {
        using (Stream module = typeof(PythonTests).Assembly.GetManifestResourceStream("sequor.py")!)
        using (FileStream file = File.Create(PathOf("sequor.py")))
            module.CopyTo(file);
        File.WriteAllText(PathOf("script.py"), script);
        var start = new ProcessStartInfo("python3", ["-B", "script.py"])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("SEQUOR_LIBRARY");
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Ignore($"there is no python3: {e.Message}");
            return "";
        }
        using (process)
        {
            Task<string> error = process.StandardError.ReadToEndAsync();
            string said = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, error.Result);
            return said;
        }
    }
}
