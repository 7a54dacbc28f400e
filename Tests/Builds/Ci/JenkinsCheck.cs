using System.Text.RegularExpressions;

namespace Sequor.Tests.Builds;

/// <summary>
/// What is wrong with a declarative pipeline for Jenkins: brackets and quotes, names of its sections, and what its scripts
/// call. It is no parser of Groovy.
/// </summary>
/// <param name="root">The tree.</param>
internal sealed partial class JenkinsCheck(string root)
{
    private static readonly string[] Sections =
    [
        "pipeline",
        "agent",
        "options",
        "environment",
        "stages",
        "stage",
        "when",
        "steps",
        "post",
        "always",
    ];

    private readonly CommandCheck _commands = new(root);

    /// <summary>All that is wrong.</summary>
    public IReadOnlyList<string> Of(string text)
    {
        var scripts = new List<string>();
        string code;
        try
        {
            code = WithoutTexts(text, scripts);
        }
        catch (FormatException e)
        {
            return [e.Message];
        }
        Dictionary<string, string> variables = Variable()
            .Matches(text)
            .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
        return
        [
            .. Section()
                .Matches(code)
                .Select(match => match.Groups[1].Value)
                .Where(name => !Sections.Contains(name))
                .Select(name => $"'{name}' is no section that is known here"),
            .. Required(code),
            .. scripts.SelectMany(script => Script(script, variables)),
        ];
    }

    private static IEnumerable<string> Required(string code)
    {
        if (!code.TrimStart().StartsWith("pipeline", StringComparison.Ordinal))
            yield return "it is no declarative pipeline";
        foreach (string word in (string[])["timeout(", "disableConcurrentBuilds(", "agent"])
        {
            if (!code.Contains(word, StringComparison.Ordinal))
                yield return $"it has no {word.TrimEnd('(')}";
        }
    }

    private IEnumerable<string> Script(string script, Dictionary<string, string> variables)
    {
        if (!Begin().IsMatch(script))
            yield return "a script begins with no #!/usr/bin/env bash and set -euo pipefail, so a failure in it would pass";
        if (Bash.Refuses(script) is { } refusal)
            yield return refusal;
        foreach (string problem in _commands.Of(script, variables))
            yield return problem;
    }

    /// <summary>The code without comments and texts; texts of three quotes are scripts.</summary>
    private static string WithoutTexts(string text, List<string> scripts)
    {
        string code = Token()
            .Replace(
                text,
                match =>
                {
                    if (match.Groups["script"].Success)
                        scripts.Add(match.Groups["script"].Value);
                    return " ";
                }
            );
        if (
            code.Contains('\'', StringComparison.Ordinal)
            || code.Contains('"', StringComparison.Ordinal)
        )
            throw new FormatException("a quote is not closed");
        var open = new Stack<char>();
        foreach (char c in code)
        {
            if (c is '{' or '(' or '[')
                open.Push(c);
            else if (c is '}' or ')' or ']')
            {
                if (
                    open.Count == 0
                    || "{}()[]".IndexOf(open.Pop(), StringComparison.Ordinal) + 1
                        != "{}()[]".IndexOf(c, StringComparison.Ordinal)
                )
                    throw new FormatException($"a {c} closes nothing");
            }
        }
        return open.Count == 0 ? code : throw new FormatException($"a {open.Peek()} is not closed");
    }

    [GeneratedRegex("(?s)'''(?<script>.*?)'''|'[^'\\n]*'|\"[^\"\\n]*\"|//[^\\n]*|/\\*.*?\\*/")]
    private static partial Regex Token();

    [GeneratedRegex(@"(?m)^\s*([A-Za-z]+)\s*(?:\([^)]*\)\s*)?\{")]
    private static partial Regex Section();

    [GeneratedRegex(@"(?m)^\s*([A-Z_]+) = '([^']*)'$")]
    private static partial Regex Variable();

    [GeneratedRegex(@"^#!/usr/bin/env bash\s+set -euo pipefail\s")]
    private static partial Regex Begin();
}
