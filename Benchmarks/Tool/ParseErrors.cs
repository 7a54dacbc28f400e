using System.CommandLine;
using System.CommandLine.Parsing;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>Says in a line what is wrong with a command line, and what is allowed.</summary>
internal static class ParseErrors
{
    public static string Describe(ParseResult result, RootCommand root)
    {
        Command command = result.CommandResult.Command;
        string? unknown =
            result.UnmatchedTokens.Count > 0
                ? Printable.Shortened(result.UnmatchedTokens[0])
                : null;
        string[] operands = [.. command.Arguments.Select(a => a.Name)];
        if (
            command != root
            && operands.Length == 0
            && result.Tokens.Any(t => t.Type == TokenType.DoubleDash)
        )
            return $"unexpected '{Cli.Separator}': options follow {command.Name} without it, and no other words";
        if (command == root)
        {
            string[] words = [.. root.Subcommands.Select(c => c.Name), "--version", "--help"];
            string allowed = $"allowed: {string.Join(", ", words)}";
            if (unknown is null)
                return $"no command is given; {allowed}";
            string kind = unknown.StartsWith('-') ? "option" : "command";
            return $"unknown {kind} '{unknown}'{Suggest(unknown, words)}; {allowed}";
        }
        if (unknown is not null && unknown.StartsWith('-'))
        {
            string[] options = [.. command.Options.Where(o => !o.Hidden).Select(o => o.Name)];
            return $"unknown option '{unknown}'{Suggest(unknown, options)}; allowed: {string.Join(", ", options)}";
        }
        if (unknown is not null && operands.Length > 0)
            return $"unexpected argument '{unknown}'; {command.Name} takes {string.Join(" and ", operands)}";
        if (unknown is not null)
            return $"unexpected argument '{unknown}'; options begin with --, and their values follow them";
        ParseError error = result.Errors[0];
        if (error.SymbolResult is ArgumentResult)
            return $"{command.Name} needs {string.Join(" and ", operands)}: files or folders";
        return error.SymbolResult is OptionResult { Option: var option } given
            ? given.Tokens.Count switch
            {
                0 => $"{option.Name} needs a value: {option.HelpName}",
                1 => error.Message,
                _ when option.Arity.MaximumNumberOfValues > 1 => error.Message,
                _ => $"{option.Name} is given more than once",
            }
            : error.Message;
    }

    /// <summary>" (did you mean 'x'?)" where a known word is near, or what the word is called now; else nothing.</summary>
    public static string Suggest(string word, IEnumerable<string> known)
    {
        if (Tasks.Renamed.TryGetValue(word, out string? now) && known.Contains(now))
            return $"; '{word}' is called {now} now";
        (string? best, int distance) = (null, int.MaxValue);
        foreach (string candidate in known)
        {
            int d = Distance(word, candidate);
            if (d < distance)
                (best, distance) = (candidate, d);
        }
        return best is not null && distance <= Math.Max(1, best.Length / 3)
            ? $" (did you mean '{best}'?)"
            : "";
    }

    // Insertions, deletions, replacements and swaps of two neighbours.
    private static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }
                int replaced = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(replaced, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }
        return d[a.Length, b.Length];
    }
}
