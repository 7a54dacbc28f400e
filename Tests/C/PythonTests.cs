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
            "processor\t: 0\nflags\t\t: fpu avx avx2 fma f16c bmi1 bmi2 movbe abm\n"
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
                "[] ['avx2', 'fma', 'bmi1', 'bmi2', 'lzcnt'] []\n[]\n"
                    + "LIBRARY libsequor is compiled for x86-64-v3, and this processor lacks avx2, fma, bmi1, bmi2, lzcnt; "
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
