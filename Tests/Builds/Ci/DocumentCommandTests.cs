using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tool;

namespace Sequor.Tests.Builds;

/// <summary>
/// Every command that a document shows can be carried out: in its blocks, in the middle of a sentence, and in the comments of the
/// examples. Verbs and options are those that the programs take, and what is named of the tree is there.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed partial class DocumentCommandTests
{
    // What documents write for something that the reader has.
    private static readonly Dictionary<string, string> Stand = new()
    {
        ["ARCH"] = "gru",
        ["N"] = "100",
        ["S"] = "1",
    };

    private static readonly Dictionary<string, string> None = [];

    private static IEnumerable<string> Documents()
    {
        string root = Repository.Root();
        return Directory
            .EnumerateFiles(root, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Where(file =>
                !file.Split('/')
                    .SkipLast(1)
                    .Any(folder => folder is "artifacts" or "bin" or "obj" or ".git")
                && (
                    file.EndsWith(".md", StringComparison.Ordinal)
                    || Regex.IsMatch(file, @"^(docs/examples/[^/]+|Benchmarks/Bundle/README\.txt)$")
                )
            )
            .Order(StringComparer.Ordinal);
    }

    [Test]
    public void Commands_of_all_documents_can_be_carried_out()
    {
        var check = new CommandCheck(Repository.Root());
        int commands = 0;
        var problems = new List<string>();
        foreach (string document in Documents())
        {
            foreach (string[] words in Commands(Text(document)))
            {
                commands++;
                problems.AddRange(
                    Problems(check, words).Select(problem => $"{document}: {problem}")
                );
            }
        }
        Assert.That(problems, Is.Empty, string.Join('\n', problems));
        Assert.That(commands, Is.AtLeast(80));
    }

    [TestCase("```\n./build.sh bnech --arch gru\n```", "bnech")]
    [TestCase("```\n./build.sh bench --arhc gru\n```", "--arhc")]
    [TestCase("```\nnsys profile -o a \\\n  sequor bench --stpes 10\n```", "--stpes")]
    [TestCase(
        "```\ngit bisect run sh -c './build.sh build || exit 125; ./build.sh bench --bisct'\n```",
        "--bisct"
    )]
    [TestCase("It is `./build.sh kernel`.", "kernel")]
    [TestCase("It is `./build.sh publish --instruction v4`.", "--instruction")]
    [TestCase("It is `./build.sh replay --virtaul`.", "--virtaul")]
    [TestCase("It is `./start.sh measure`.\n`./start.sh measure A B`.", "takes the folder")]
    [TestCase("It is `./build.ps1 profile --arch gru --htlm FILE`.", "--htlm")]
    [TestCase("`Tests/Scripts/built.test.sh build.ps1`", "there is no script")]
    [TestCase("```sh\n./build.sh test --filter \"A~B\" --lang\n```", "--lang")]
    [TestCase(
        "  ./start.sh smoke     tells what the machine has\n  ./start.sh bnech     what it costs",
        "bnech"
    )]
    public void A_planted_mistake_is_found(string document, string message)
    {
        var check = new CommandCheck(Repository.Root());
        string[] problems = [.. Commands(document).SelectMany(words => Problems(check, words))];
        Assert.That(problems, Has.Length.AtLeast(1).And.Some.Contains(message));
    }

    [Test]
    public void What_a_test_of_documents_skips_is_no_command()
    {
        const string text = """
            ```csharp
            ./build.sh nothing
            ```
            `build.sh` and `build.ps1` are scripts, `dotnet tool install --global sequor --prerelease` names a package.
            ```
            arch     size  params  step ms
            GPU: 1920 MHz (1905-1980) of 1980
            sequor 0.1.0
            ```
            """;
        Assert.That(Commands(text), Is.Empty);
    }

    private static string Text(string document) =>
        File.ReadAllText(Path.Combine(Repository.Root(), document)).ReplaceLineEndings("\n");

    // A verb that is only named may lack what it needs.
    private static string[] Problems(CommandCheck check, string[] words)
    {
        bool isNamed =
            words.Length == 2
            && (
                Cli.CreateRoot().Subcommands.Any(verb => verb.Name == words[1])
                || !check.Of([.. words, "FOLDER"]).Any()
            );
        return isNamed ? [] : [.. check.Of(words)];
    }

    /// <summary>The commands of ours in a document, each with its script first.</summary>
    private static IEnumerable<string[]> Commands(string text)
    {
        foreach (Match block in Fence().Matches(text))
        {
            if (block.Groups[1].Value is "" or "sh" or "bash" or "powershell")
            {
                foreach (string line in Lines(block.Groups[2].Value))
                {
                    foreach (string[] command in Read(line))
                        yield return command;
                }
            }
        }
        string rest = Fence().Replace(text, "");
        foreach (Match code in Code().Matches(rest))
        {
            foreach (string[] command in Read(code.Groups[1].Value))
                yield return command;
        }
        // A list of commands in a text without any marks has what they do behind several blanks.
        foreach (Match line in Listed().Matches(rest))
        {
            foreach (string[] command in Read(line.Groups[1].Value))
                yield return command;
        }
    }

    private static IEnumerable<string> Lines(string block) =>
        block
            .Replace("\\\n", " ", StringComparison.Ordinal)
            .Split('\n')
            .Where(line => Ours().IsMatch(line));

    private static IEnumerable<string[]> Read(string line)
    {
        IReadOnlyList<string[]> commands;
        try
        {
            commands = ShellScript.Commands(line, None);
        }
        catch (FormatException)
        {
            // Of a line of something else a quote may be open.
            yield break;
        }
        foreach (string[] words in commands)
        {
            int at = Array.FindIndex(words, word => Script().IsMatch(word) || word == "sequor");
            // What follows tells the command from a sentence.
            if (at >= 0 && at < words.Length - 1 && (words[at] != "sequor" || IsCommand(words, at)))
                yield return
                [
                    InTree(words[at]),
                    .. words[(at + 1)..].Select(word => Stand.GetValueOrDefault(word, word)),
                ];
            else if (at == 0 && words[0].StartsWith("Tests/", StringComparison.Ordinal))
                yield return words;
            // A script within a command, as of sh -c.
            foreach (
                string inner in words.Where(word => word.Contains(' ', StringComparison.Ordinal))
            )
            {
                foreach (string[] command in Read(inner))
                    yield return command;
            }
        }
    }

    // Not the package of `dotnet tool install sequor`, nor a line that such a program printed.
    private static bool IsCommand(string[] words, int at) =>
        words[0] != "dotnet" && Verb().IsMatch(words[at + 1]);

    // A bundle has its script at its top, and a repository that has Sequor in a folder has it there.
    private static string InTree(string script) =>
        script switch
        {
            "sequor" or "build.sh" => "./build.sh",
            "build.ps1" => "./build.ps1",
            _ when script.EndsWith("start.sh", StringComparison.Ordinal) => "bundle/head/start.sh",
            _ => script,
        };

    [GeneratedRegex("```([a-z]*)\n(.*?)\n *```", RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"(?m)^ +(\./(?:build|start)\.(?:sh|ps1)(?: \S+)+)")]
    private static partial Regex Listed();

    [GeneratedRegex(@"(build|start)\.(sh|ps1)\b|Tests/Scripts/|(^|\s)sequor\s")]
    private static partial Regex Ours();

    [GeneratedRegex("^(--)?[a-z][a-z-]*$")]
    private static partial Regex Verb();

    [GeneratedRegex(@"^(\S*/)?(build|start)\.(sh|ps1)$|^Tests/Scripts/\S+\.sh$")]
    private static partial Regex Script();
}
