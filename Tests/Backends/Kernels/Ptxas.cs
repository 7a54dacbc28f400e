using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Sequor.VirtualGpu.Ptxas;

namespace Sequor.Tests.Kernels;

/// <summary>NVIDIA's assembler of PTX, where the machine has one.</summary>
internal sealed partial class Ptxas
{
    /// <summary>Names the program; without it PATH is searched.</summary>
    public const string Variable = "SEQUOR_PTXAS";

    private const string Program = "ptxas";

    private readonly string _path;

    private Ptxas(string path)
    {
        _path = path;
        string answer = Run("--version").Text;
        Version = ReleasedAs().Match(answer) is { Success: true } match
            ? match.Groups[1].Value
            : throw new InvalidOperationException($"{path} is no ptxas; it says: {answer}");
    }

    /// <summary>Such as 11.8.89.</summary>
    public string Version { get; }

    /// <summary>The one that the environment names or PATH has; null where there is none.</summary>
    /// <exception cref="InvalidOperationException">What the environment names is none.</exception>
    public static Ptxas? Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return File.Exists(named)
                ? new Ptxas(named)
                : throw new InvalidOperationException(
                    $"{Variable} names '{named}', which is not there."
                );
        string name = OperatingSystem.IsWindows() ? Program + ".exe" : Program;
        string? path = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
        return path is null ? null : new Ptxas(path);
    }

    /// <summary>Assembles a module for one architecture.</summary>
    public PtxasOutput Assemble(string ptx, int architecture)
    {
        string folder = Directory.CreateTempSubdirectory("sequor").FullName;
        try
        {
            string source = Path.Combine(folder, "module.ptx");
            File.WriteAllText(source, ptx);
            (int code, string text) = Run(
                "--verbose",
                $"--gpu-name=sm_{architecture}",
                source,
                "--output-file",
                Path.Combine(folder, "module.cubin")
            );
            return PtxasOutput.Parse(text, code, ptx, architecture);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private (int Code, string Text) Run(params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(_path, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }
        )!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string text = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, text + output.Result);
    }

    [GeneratedRegex(@"release [0-9.]+, V([0-9.]+)")]
    private static partial Regex ReleasedAs();
}

/// <summary>What ptxas said of a module.</summary>
/// <param name="Rows">Its kernels, in the order of their names.</param>
/// <param name="Diagnostics">All lines but those of its statistics.</param>
/// <param name="Unread">Why it is too old for the module's PTX or for the architecture; else null.</param>
internal sealed partial record PtxasOutput(
    IReadOnlyList<PtxasRow> Rows,
    IReadOnlyList<string> Diagnostics,
    string? Unread
)
{
    /// <summary>Reads what ptxas printed with --verbose.</summary>
    /// <param name="text">What it printed.</param>
    /// <param name="code">With what it ended.</param>
    /// <param name="ptx">What it was given.</param>
    /// <param name="architecture">What it assembled for.</param>
    public static PtxasOutput Parse(string text, int code, string ptx, int architecture)
    {
        Dictionary<string, int> threads = ThreadsOf(ptx);
        List<PtxasRow> rows = [];
        List<string> diagnostics = [];
        string kernel = "";
        int[] frame = [];
        foreach (string line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            if (line.Length == 0 || Statistic().IsMatch(line))
                continue;
            if (TooOld().IsMatch(line))
                return new(
                    [],
                    [],
                    line[(line.LastIndexOf("  ", StringComparison.Ordinal) + 1)..].Trim(' ', ':')
                );
            if (Entry().Match(line) is { Success: true } entry)
                kernel = entry.Groups[1].Value;
            else if (Frame().Match(line) is { Success: true } spilled)
                frame = Numbers(spilled);
            else if (Used().Match(line) is { Success: true } used)
                rows.Add(
                    PtxasRow.Of(
                        kernel,
                        architecture,
                        threads.GetValueOrDefault(kernel, 1024),
                        registers: Numbers(used)[0],
                        spillStores: frame[1],
                        spillLoads: frame[2],
                        stack: frame[0],
                        sharedBytes: SharedOf(line)
                    )
                );
            else
                diagnostics.Add(line);
        }
        if (code != 0 && diagnostics.Count == 0)
            diagnostics.Add($"ptxas ended with {code} and said nothing");
        return new([.. rows.OrderBy(r => r.Kernel, StringComparer.Ordinal)], diagnostics, null);
    }

    /// <summary>The most threads of a block of each kernel, as .maxntid has it.</summary>
    private static Dictionary<string, int> ThreadsOf(string ptx) =>
        Bounded()
            .Matches(ptx)
            .ToDictionary(
                m => m.Groups[1].Value,
                m => int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture)
            );

    private static int[] Numbers(Match match) =>
        [
            .. match
                .Groups.Values.Skip(1)
                .Select(g => int.Parse(g.Value, CultureInfo.InvariantCulture)),
        ];

    private static int SharedOf(string line) =>
        Shared().Match(line) is { Success: true } shared ? Numbers(shared)[0] : 0;

    // Later versions tell their time as well.
    [GeneratedRegex(
        "^ptxas info +: (?:[0-9]+ bytes gmem.*|Function properties for .*|Compile time = .*)$"
    )]
    private static partial Regex Statistic();

    [GeneratedRegex("Unsupported \\.version|is not defined for option 'gpu-name'")]
    private static partial Regex TooOld();

    [GeneratedRegex("^ptxas info +: Compiling entry function '(.+)' for '.*'$")]
    private static partial Regex Entry();

    [GeneratedRegex(
        "^ +([0-9]+) bytes stack frame, ([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads$"
    )]
    private static partial Regex Frame();

    [GeneratedRegex("^ptxas info +: Used ([0-9]+) registers")]
    private static partial Regex Used();

    [GeneratedRegex("([0-9]+) bytes smem")]
    private static partial Regex Shared();

    [GeneratedRegex(@"\.entry (\w+)\([^)]*\)[^{]*?\.maxntid\s+([0-9]+)")]
    private static partial Regex Bounded();
}
