using System.CommandLine;
using System.Text.RegularExpressions;
using Sequor.Counts;
using Sequor.FirstContact;
using Sequor.Replay;
using Sequor.Tool;

namespace Sequor.Tests.Builds;

/// <summary>
/// Whether a command in a file of CI can be carried out: scripts are those of the tree, verbs those of the scripts, options
/// those that sequor's own command line takes, and programs are known by name.
/// </summary>
/// <param name="root">The tree.</param>
internal sealed partial class CommandCheck(string root)
{
    // What every machine of a service has, and what a template asks for.
    private static readonly HashSet<string> Tools =
    [
        "[",
        "cat",
        "cp",
        "dotnet",
        "echo",
        "exit",
        "export",
        "gh",
        "git",
        "mkdir",
        "printf",
        "rm",
        "set",
        "tar",
        "tee",
    ];

    private static readonly HashSet<string> Bare =
    [
        "api",
        "build",
        "bundle",
        "clean",
        "docs",
        "help",
        "kernels",
        "pack",
    ];

    private readonly string _build = File.ReadAllText(Path.Combine(root, "build.sh"));
    private readonly string _windows = File.ReadAllText(Path.Combine(root, "build.ps1"));
    private readonly string _start = File.ReadAllText(
        Path.Combine(root, "Benchmarks", "Bundle", "start.sh")
    );

    /// <summary>What is wrong with the commands of a script.</summary>
    public IEnumerable<string> Of(string script, IReadOnlyDictionary<string, string> variables)
    {
        IReadOnlyList<string[]> commands;
        try
        {
            commands = ShellScript.Commands(script, variables);
        }
        catch (FormatException e)
        {
            return [e.Message];
        }
        return commands.SelectMany(Of);
    }

    /// <summary>Whether a path of the tree is there, as a file of CI names it.</summary>
    public bool Exists(string path) => Path.Exists(Path.Combine(root, InTree(path)));

    /// <summary>A path as it is in the tree: templates have Sequor in a folder, and the base's tree lies beside.</summary>
    public static string InTree(string path) =>
        Unpacked().Replace(Beside().Replace(path, ""), "Benchmarks/Bundle/");

    /// <summary>What is wrong with a command that is given by its words.</summary>
    public IEnumerable<string> Of(string[] words)
    {
        string name = words[0];
        string[] rest = words[1..];
        foreach (string problem in Arguments(rest))
            yield return $"'{string.Join(' ', words)}': {problem}";
        if (!name.Contains('/', StringComparison.Ordinal))
        {
            if (!Tools.Contains(name))
                yield return $"there is no program '{name}'";
            yield break;
        }
        if (!File.Exists(Path.Combine(root, InTree(name))))
        {
            yield return $"there is no script '{name}'";
            yield break;
        }
        if (
            !OperatingSystem.IsWindows()
            && !name.EndsWith(".ps1", StringComparison.Ordinal)
            && !File.GetUnixFileMode(Path.Combine(root, InTree(name)))
                .HasFlag(UnixFileMode.UserExecute)
        )
            yield return $"'{name}' cannot be executed";
        IEnumerable<string> problems = Path.GetFileName(name) switch
        {
            "build.sh" => Verb(rest, _build),
            "build.ps1" => Verb(rest, _windows),
            "start.sh" => Verb(rest, _start),
            _ => [],
        };
        foreach (string problem in problems)
            yield return $"'{string.Join(' ', words)}': {problem}";
    }

    private static IEnumerable<string> Verb(string[] words, string script)
    {
        string verb = words.FirstOrDefault("");
        string[] rest = words[1..Math.Max(1, words.Length)];
        bool own =
            verb.Length > 0
            && (
                script.Contains($"verb -ceq '{verb}'", StringComparison.Ordinal)
                || Regex.IsMatch(
                    script,
                    $@"(?m)^    ([a-z-]+ \| )*{Regex.Escape(verb)}( \| [a-z-]+)*\) ?"
                )
            );
        if (!own)
            return Parse(Cli.CreateRoot(), words);
        switch (verb)
        {
            // With other libraries it is a script's, which knows its own.
            case "bench":
                return rest.Any(word => word == "--peers" || word.StartsWith("--peers="))
                    ? []
                    : Parse(Cli.CreateRoot(), words);
            case "counts":
                return Parse(CountsCommand.CreateRoot(), words);
            case "gate":
                return Parse(CountsCommand.CreateRoot(), [verb, "--baseline", "folder", .. rest]);
            case "sequor":
                return Parse(Cli.CreateRoot(), rest);
            case "replay":
                return Refusal(() => ReplayOptions.Parse(rest));
            case "first-contact":
                return Refusal(() => FirstContactOptions.Parse(rest));
            // BenchmarkDotNet knows its own.
            case "suites":
                return [];
            case "publish":
                return rest is [] or ["--no-v4"] or ["--instructions", _]
                    ? []
                    : [$"publish takes no {string.Join(' ', rest)}"];
            case "measure":
                return rest.Length == 1 ? [] : ["measure takes the folder for its results"];
            case "test":
                return rest.Where(word => word.StartsWith('-') && !Takes(word))
                    .Select(word => $"test has no option {word}");
            default:
                return rest.Length > 0 && (Bare.Contains(verb) || rest is not ["--check"])
                    ? [$"{verb} takes no {string.Join(' ', rest)}"]
                    : [];
        }

        bool Takes(string option) => Regex.IsMatch(script, $@"(\s|'){option}(\)|'|=)");
    }

    private static string[] Refusal(Action parse)
    {
        try
        {
            parse();
            return [];
        }
        catch (Exception e) when (e is Replay.UsageException)
        {
            return [e.Message];
        }
    }

    private static IEnumerable<string> Parse(RootCommand commands, string[] words) =>
        commands
            .Parse(words, new ParserConfiguration { ResponseFileTokenReplacer = null })
            .Errors.Select(error => error.Message);

    private IEnumerable<string> Arguments(string[] words)
    {
        foreach (string word in words)
        {
            string path = InTree(word);
            if (Program().Match(path) is { Success: true } program)
            {
                string project = $"{program.Groups[1].Value}.csproj";
                string? file = Directory
                    .EnumerateFiles(root, project, SearchOption.AllDirectories)
                    .FirstOrDefault();
                if (file is null || !IsProgramOf(file, program.Groups[2].Value))
                    yield return $"no project builds '{word}'";
            }
            else if (OfTree().IsMatch(path) && !Exists(word))
            {
                yield return $"there is no '{word}'";
            }
            else if (
                Category().Match(word) is { Success: true } category
                && !HasCategory(category.Groups[1].Value)
            )
            {
                yield return $"no test has the category {category.Groups[1].Value}";
            }
        }
    }

    private static bool IsProgramOf(string project, string program)
    {
        Match name = Regex.Match(File.ReadAllText(project), "<AssemblyName>(.*)</AssemblyName>");
        return program
            == (name.Success ? name.Groups[1].Value : Path.GetFileNameWithoutExtension(project));
    }

    private bool HasCategory(string category) =>
        Directory
            .EnumerateFiles(Path.Combine(root, "Tests"), "*Fixture.cs", SearchOption.AllDirectories)
            .Any(file =>
                File.ReadAllText(file)
                    .Contains($"[Category(\"{category}\")]", StringComparison.Ordinal)
            );

    [GeneratedRegex(@"^(\./|\.\./base/|base/)?(sequor/)?(?!$)")]
    private static partial Regex Beside();

    [GeneratedRegex("^bundle/(head|base)/")]
    private static partial Regex Unpacked();

    [GeneratedRegex(@"artifacts/bin/([A-Za-z.]+)/release/([A-Za-z.]+)$")]
    private static partial Regex Program();

    [GeneratedRegex(@"^(Benchmarks|Tests|Layers|Native|Interop|docs|\.ci|\.github)/")]
    private static partial Regex OfTree();

    [GeneratedRegex("TestCategory!?=([A-Za-z]+)")]
    private static partial Regex Category();
}
