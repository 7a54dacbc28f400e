using System.Diagnostics;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Replay;

/// <summary>Makes a recording: runs the tests of the kernels, which a build has in a folder beside this program's.</summary>
internal static class RecordingRun
{
    private const string Filter = "FullyQualifiedName~Sequor.Tests.Kernels&TestCategory!=Long";

    /// <summary>Makes it.</summary>
    /// <exception cref="UsageException">The tests are not here.</exception>
    /// <exception cref="RecordingException">They failed, or left no recording.</exception>
    public static int Make(string? path)
    {
        string file = Path.GetFullPath(path!);
        string tests = SisterProgram.Path("Sequor.Tests");
        if (!File.Exists(tests))
            throw new UsageException(
                $"there is no recording beside this program, and no {tests} that could make one"
            );
        Console.Error.WriteLine("Recording what the tests of the kernels launch ...");
        string made = file + ".new";
        File.Delete(made);
        var start = new ProcessStartInfo(tests, ["--filter", Filter])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["SEQUOR_RECORD_LAUNCHES"] = made;
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        if (process.ExitCode != 0 || !File.Exists(made))
            throw new RecordingException($"the tests of the kernels made no recording:\n{output}");
        byte[] bytes = File.ReadAllBytes(made);
        if (bytes.Length > RecordingFile.MostBytes)
            throw new RecordingException(
                $"the recording has {bytes.Length} bytes; {RecordingFile.MostBytes} are the most"
            );
        File.Move(made, file, overwrite: true);
        Console.Error.WriteLine($"{bytes.Length} bytes: {file}");
        return ReplayProgram.Equal;
    }
}
