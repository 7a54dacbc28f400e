using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sequor.Native;

/// <summary>The machine that this process runs on.</summary>
internal sealed class SystemHost : INativeHost
{
    // Python starts in well under a second. A wrapper that hangs must not make the caller hang.
    private static readonly TimeSpan PythonPatience = TimeSpan.FromSeconds(10);

    private const StringSplitOptions Trimmed =
        StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;

    private const string PythonScript =
        "import site; print('\\n'.join([*site.getsitepackages(), site.getusersitepackages()]))";

    public bool Windows => OperatingSystem.IsWindows();

    public string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    public bool FileExists(string path) => File.Exists(path);

    public bool FolderExists(string path) => Directory.Exists(path);

    public IReadOnlyList<string> Folders(string path)
    {
        try
        {
            IEnumerable<string> names = Directory
                .EnumerateDirectories(path)
                .Select(Path.GetFileName)!;
            return [.. names.Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    // On Windows, python3 is usually a placeholder that opens an app store.
    public IReadOnlyList<string> PythonFolders() =>
        OnPath(Windows ? "python.exe" : "python3", Variable("PATH") ?? "") is { } python
            ? Ask(python)
            : [];

    /// <summary>
    /// The full path of a program; null if there is none. The system itself would also look into the current folder, where anything may
    /// lie.
    /// </summary>
    internal static string? OnPath(string program, string path) =>
        path.Split(Path.PathSeparator, Trimmed)
            .Where(Path.IsPathFullyQualified)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);

    /// <summary>The site-packages folders of a Python; empty if it does not run.</summary>
    internal static IReadOnlyList<string> Ask(string program)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            CreateNoWindow = true,
            ArgumentList = { "-c", PythonScript },
        };
        try
        {
            using Process python = Process.Start(start)!;
            python.StandardInput.Close();
            python.BeginErrorReadLine();
            Task<string> output = python.StandardOutput.ReadToEndAsync();
            if (!output.Wait(PythonPatience) || !python.WaitForExit(PythonPatience))
            {
                python.Kill(entireProcessTree: true);
                return [];
            }
            return python.ExitCode == 0
                ? [.. output.Result.Split('\n', Trimmed).Where(Path.IsPathFullyQualified)]
                : [];
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException or IOException)
        {
            return []; // no Python
        }
    }

    public LoadOutcome Load(string path)
    {
        try
        {
            return new(NativeLibrary.Load(path), "");
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            return new(0, Reason(path, e.Message));
        }
    }

    public void Unload(nint library) => NativeLibrary.Free(library);

    public nint Symbol(nint library, string name) =>
        NativeLibrary.TryGetExport(library, name, out nint address) ? address : 0;

    public IReadOnlyList<string> LoadedFiles()
    {
        using var process = Process.GetCurrentProcess();
        var files = new List<string>();
        foreach (ProcessModule module in process.Modules)
        {
            using (module)
                files.Add(module.FileName);
        }
        return files;
    }

    /// <summary>
    /// The system's own words. .NET puts a sentence of advice before them; dlerror's text, which begins with the path, is the next line. On
    /// Windows everything is one line.
    /// </summary>
    internal static string Reason(string path, string message)
    {
        string[] lines = message.Split('\n', Trimmed);
        string said = lines.Length > 1 ? lines[1] : message.Trim();
        string prefix = path + ": ";
        return said.StartsWith(prefix, StringComparison.Ordinal) ? said[prefix.Length..] : said;
    }
}
