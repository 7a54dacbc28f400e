using System.Diagnostics;
using System.Globalization;
using System.Text;
using NUnit.Framework;

namespace Sequor.Tests.Tool;

/// <summary>The built sequor program, run as people run it.</summary>
internal static class Program
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>Where it is.</summary>
    public static string Executable
    {
        get
        {
            // artifacts/bin/Sequor.Tests/release/ and artifacts/bin/Sequor.Tool/release/
            var tests = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/', '\\'));
            return Path.Combine(
                tests.Parent!.Parent!.FullName,
                "Sequor.Tool",
                tests.Name,
                OperatingSystem.IsWindows() ? "sequor.exe" : "sequor"
            );
        }
    }

    /// <summary>Runs it to its end.</summary>
    public static ProgramResult Run(params string[] arguments)
    {
        using RunningProgram program = Start(arguments);
        return program.WaitForEnd();
    }

    /// <summary>Runs another form of it to its end.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its command line.</param>
    public static ProgramResult RunForm(string program, params string[] arguments)
    {
        using RunningProgram running = Start(program, arguments, Path.GetTempPath(), null);
        return running.WaitForEnd();
    }

    /// <summary>Runs it to its end on a machine that has little memory, or so .NET is made to believe.</summary>
    public static ProgramResult RunWithMemory(long bytes, params string[] arguments)
    {
        using RunningProgram program = Start(
            arguments,
            ("DOTNET_GCHeapHardLimit", bytes.ToString("X", CultureInfo.InvariantCulture))
        );
        return program.WaitForEnd();
    }

    /// <summary>Runs it to its end without some instructions, by one of .NET's switches, such as EnableAVX.</summary>
    public static ProgramResult RunWithout(string instructions, params string[] arguments)
    {
        using RunningProgram program = Start(arguments, ("DOTNET_" + instructions, "0"));
        return program.WaitForEnd();
    }

    /// <summary>
    /// Runs a script of bash that finds the program as $sequor and begins in a folder.
    /// </summary>
    public static ProgramResult RunScript(string folder, string script)
    {
        using RunningProgram program = Start(
            "bash",
            ["-c", script],
            folder,
            ("sequor", Executable)
        );
        return program.WaitForEnd();
    }

    /// <summary>Starts it.</summary>
    public static RunningProgram Start(params string[] arguments) => Start(arguments, null);

    private static RunningProgram Start(
        string[] arguments,
        (string Name, string Value)? variable
    ) =>
        // The test program's own folder may be one that cannot be written to.
        Start(Executable, arguments, Path.GetTempPath(), variable);

    private static RunningProgram Start(
        string program,
        string[] arguments,
        string folder,
        (string Name, string Value)? variable
    )
    {
        Assert.That(Executable, Does.Exist, "the tool must be built before its tests");
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder,
        };
        start.Environment.Remove("SEQUOR_DEBUG");
        if (variable is { } set)
            start.Environment[set.Name] = set.Value;
        return new RunningProgram(Process.Start(start)!);
    }

    internal sealed class RunningProgram : IDisposable
    {
        private readonly Process _process;
        private readonly Task<string> _output;
        private readonly Task<string> _error;
        private readonly StringBuilder _errorSoFar = new();

        public RunningProgram(Process process)
        {
            _process = process;
            _output = process.StandardOutput.ReadToEndAsync();
            _error = Task.Run(ReadError);
        }

        /// <summary>What it has written to standard error until now.</summary>
        public string ErrorSoFar
        {
            get
            {
                lock (_errorSoFar)
                    return _errorSoFar.ToString();
            }
        }

        private string ReadError()
        {
            char[] buffer = new char[1024];
            for (int count; (count = _process.StandardError.Read(buffer)) > 0; )
            {
                lock (_errorSoFar)
                    _errorSoFar.Append(buffer, 0, count);
            }
            return ErrorSoFar;
        }

        public bool HasEnded => _process.HasExited;

        /// <summary>Sends a signal, by its short name.</summary>
        public void Signal(string name)
        {
            string id = _process.Id.ToString(CultureInfo.InvariantCulture);
            using Process kill = Process.Start("kill", ["-s", name, id]);
            kill.WaitForExit();
        }

        public ProgramResult WaitForEnd()
        {
            if (!_process.WaitForExit(Patience))
            {
                _process.Kill();
                Assert.Fail("the program did not end in time");
            }
            return new ProgramResult(_process.ExitCode, _output.Result, _error.Result);
        }

        public void Dispose()
        {
            if (!_process.HasExited)
                _process.Kill();
            _process.Dispose();
        }
    }
}

/// <summary>What a run of the program left.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string Error)
{
    /// <summary>Fails unless the run failed with a code and one or two lines that hold all of the given words.</summary>
    public void RequireFailure(int code, params string[] words)
    {
        Assert.That(ExitCode, Is.EqualTo(code), Error);
        string[] lines = Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.InRange(1, 2));
        Assert.That(Error, Does.Not.Contain("   at ").And.Not.Contain("Exception"));
        foreach (string word in words)
            Assert.That(Error, Does.Contain(word));
    }

    /// <summary>Fails unless there was not enough memory, which is told with a table and all of the given words.</summary>
    public void RequireMemoryTable(params string[] words)
    {
        Assert.That(ExitCode, Is.EqualTo(1), Error);
        Assert.That(Output, Does.Not.Contain("step 1"));
        Assert.That(Error, Does.Not.Contain("   at ").And.Not.Contain("Exception"));
        string[] lines = Error.TrimEnd().Split('\n');
        Assert.That(lines[0], Does.StartWith("sequor "));
        foreach (string word in words)
            Assert.That(lines[0], Does.Contain(word));
        Assert.That(lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(Head));
        Assert.That(lines, Has.One.Contains("activations"));
        Assert.That(lines[^2], Does.Contain("sum").And.Contain("100.0%"));
        Assert.That(lines[^1], Does.Contain("free"));
    }

    private static readonly string[] Head = ["bytes", "taken", "wanted", "share"];

    /// <summary>Fails unless the run went well and wrote nothing but plain text.</summary>
    public void RequireSuccess()
    {
        Assert.That(ExitCode, Is.Zero, Error);
        Assert.That(Error, Is.Empty);
        Assert.That(Output, Does.Not.Contain('\u001b').And.Not.Contain('\r'));
    }
}
