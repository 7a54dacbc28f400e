using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace Sequor.Tests.Builds;

/// <summary>
/// What is wrong with a workflow for GitHub: its form, what its steps call, and what it lets a stranger's change do. It is
/// no judge of all of GitHub's syntax, and knows the keys that the files here use.
/// </summary>
/// <param name="root">The tree.</param>
/// <param name="uploads">Names of artifacts that other workflows leave.</param>
internal sealed partial class WorkflowCheck(string root, IReadOnlyCollection<string> uploads)
{
    private static readonly string[] FileKeys =
    [
        "name",
        "on",
        "permissions",
        "concurrency",
        "defaults",
        "env",
        "jobs",
    ];

    private static readonly string[] JobKeys =
    [
        "name",
        "needs",
        "if",
        "runs-on",
        "environment",
        "timeout-minutes",
        "continue-on-error",
        "permissions",
        "concurrency",
        "env",
        "steps",
    ];

    private static readonly string[] StepKeys =
    [
        "name",
        "if",
        "uses",
        "with",
        "env",
        "run",
        "shell",
    ];

    private static readonly string[] Events =
    [
        "push",
        "pull_request",
        "workflow_run",
        "workflow_dispatch",
    ];

    // The hosted ones by their versions, since "latest" changes by itself.
    private static readonly string[] Machines = ["ubuntu-24.04", "windows-2025", "macos-15"];

    private static readonly string[] Contexts = ["github", "needs", "env", "steps", "matrix"];

    private static readonly string[] Rights = ["contents", "actions", "pull-requests"];

    // The inputs of the actions that are used, at the versions that are pinned.
    private static readonly Dictionary<string, string[]> Inputs = new()
    {
        ["actions/checkout"] =
        [
            "ref",
            "fetch-depth",
            "submodules",
            "sparse-checkout",
            "persist-credentials",
        ],
        ["actions/setup-dotnet"] = ["global-json-file", "dotnet-version"],
        ["actions/cache"] = ["path", "key", "restore-keys"],
        ["actions/upload-artifact"] =
        [
            "name",
            "path",
            "if-no-files-found",
            "retention-days",
            "compression-level",
        ],
        ["actions/download-artifact"] =
        [
            "name",
            "path",
            "pattern",
            "merge-multiple",
            "run-id",
            "github-token",
        ],
    };

    private readonly CommandCheck _commands = new(root);

    /// <summary>The names of artifacts that a workflow leaves.</summary>
    public static IEnumerable<string> Uploads(string text) =>
        Yaml.Read(text)
            .Get("jobs")
            .Pairs()
            .SelectMany(job => StepsOf(job.Value))
            .Where(step =>
                step.Get("uses")
                    .Text()
                    ?.StartsWith("actions/upload-artifact@", StringComparison.Ordinal)
                    is true
            )
            .Select(step => step.Get("with").Get("name").Text() ?? "");

    /// <summary>All that is wrong.</summary>
    public IReadOnlyList<string> Of(string text)
    {
        try
        {
            YamlMappingNode file = Yaml.Read(text);
            return [.. File(file), .. Pins(text), .. Jobs(file, [.. uploads, .. Uploads(text)])];
        }
        catch (FormatException e)
        {
            return [e.Message];
        }
    }

    private static IEnumerable<string> File(YamlMappingNode file)
    {
        foreach (string problem in Unknown(file, FileKeys, "the file"))
            yield return problem;
        string[] events = file.Get("on") is YamlMappingNode on
            ? [.. on.Pairs().Select(pair => pair.Key)]
            : [.. file.Get("on").Texts()];
        if (events.Length == 0)
            yield return "nothing starts it";
        // That one runs with secrets, and is the usual way to lose them.
        foreach (string name in events.Except(Events))
            yield return $"'{name}' is no event that may start it";
        if (file.Get("permissions") is not YamlMappingNode { Children.Count: 0 })
            yield return "permissions of the file must be {}, so that each job says its own";
        if (file.Get("concurrency").Get("group") is null)
            yield return "concurrency has no group";
        if (file.Get("defaults").Get("run").Get("shell").Text() != "bash")
            yield return "defaults.run.shell must be bash, which ends at the first failure of a pipe";
        foreach (string expression in file.AllTexts().SelectMany(Expressions))
        {
            foreach (string context in Roots(expression).Except(Contexts))
                yield return $"'{expression}' uses {context}";
        }
        if (file.AllTexts().Any(all => Opened().Count(all) != Expressions(all).Count()))
            yield return "an expression is not closed";
    }

    // The comment is no part of the YAML, so the text is read.
    private static IEnumerable<string> Pins(string text)
    {
        foreach (Match line in Uses().Matches(text))
        {
            string action = line.Groups[1].Value;
            if (!Pinned().IsMatch(action))
                yield return $"'{action}' is not pinned by 40 hexadecimal digits";
            else if (!Version().IsMatch(line.Groups[2].Value))
                yield return $"'{action}' has no comment with its version";
        }
    }

    private IEnumerable<string> Jobs(YamlMappingNode file, string[] artifacts)
    {
        (string Key, YamlNode Value)[] jobs = [.. file.Get("jobs").Pairs()];
        if (jobs.Length == 0)
            yield return "there is no job";
        foreach ((string name, YamlNode job) in jobs)
        {
            IEnumerable<string> problems =
            [
                .. Job(job, file),
                .. job.Get("needs")
                    .Texts()
                    .Except(jobs.Select(j => j.Key))
                    .Select(other => $"it needs '{other}', which is no job"),
                .. StepsOf(job).SelectMany(step => Step(step, job, file, artifacts)),
            ];
            foreach (string problem in problems)
                yield return $"job {name}: {problem}";
        }
    }

    private static IEnumerable<string> Job(YamlNode job, YamlNode file)
    {
        foreach (string problem in Unknown(job, JobKeys, "a job"))
            yield return problem;
        IReadOnlyList<string> machine = job.Get("runs-on").Texts();
        bool own = machine.Contains("self-hosted");
        if (!own && (machine.Count != 1 || !Machines.Contains(machine[0])))
            yield return $"runs-on must be self-hosted or one of {string.Join(", ", Machines)}, not '{string.Join(", ", machine)}'";
        if (
            !int.TryParse(job.Get("timeout-minutes").Text(), out int minutes)
            || minutes is < 1 or > 120
        )
            yield return "timeout-minutes must be 1 to 120";
        if (job.Get("permissions") is not YamlMappingNode)
            yield return "permissions are missing";
        foreach ((string right, YamlNode value) in job.Get("permissions").Pairs())
        {
            if (!Rights.Contains(right) || value.Text() is not ("read" or "write"))
                yield return $"permission {right}: {value.Text()} is none that is known";
        }
        if (own && !IsGuarded(job))
            yield return "a machine of one's own runs a fork's code";
        if (own && job.Get("environment") is null)
            yield return "a machine of one's own runs without approval: environment is missing";
        // A pull request's own copy of the file may have no guard.
        if (own && file.Get("on").Get("workflow_run") is null)
            yield return "a machine of one's own must be started by workflow_run, whose file is that of the main branch";
        if (Writes(job) && !IsGuarded(job))
            yield return "it may write, and runs for a fork";
    }

    private IEnumerable<string> Step(YamlNode step, YamlNode job, YamlNode file, string[] artifacts)
    {
        foreach (string problem in Unknown(step, StepKeys, "a step"))
            yield return problem;
        string? run = step.Get("run").Text();
        string? uses = step.Get("uses").Text();
        if (run is null == uses is null)
            yield return "a step has to have one of run and uses";
        if (uses is not null)
        {
            string action = uses.Split('@')[0];
            if (!Inputs.TryGetValue(action, out string[]? inputs))
                yield return $"{action} is no action that is known here";
            else
            {
                foreach (string problem in Unknown(step.Get("with"), inputs, action))
                    yield return problem;
            }
            foreach (string problem in Action(action, step.Get("with"), job, file, artifacts))
                yield return problem;
        }
        if (run is null)
            yield break;
        if (run.Contains("${{", StringComparison.Ordinal))
            yield return "an expression in a script is a stranger's text in a command; give it by env";
        if (step.Get("shell").Text() is null or "bash")
        {
            if (Bash.Refuses(run) is { } refusal)
                yield return refusal;
        }
        var variables = new Dictionary<string, string>();
        foreach (YamlNode? env in (YamlNode?[])[file.Get("env"), job.Get("env"), step.Get("env")])
        {
            foreach ((string name, string value) in env.Variables())
                variables[name] = value;
            foreach ((string name, _) in env.Pairs())
            {
                if (name.StartsWith("SEQUOR_", StringComparison.Ordinal) && !IsRead(name))
                    yield return $"nothing reads {name}";
            }
        }
        foreach (string problem in _commands.Of(run, variables))
            yield return problem;
        if (Writes(job) && Regex.IsMatch(run, @"(?m)^\s*\S*build\.sh|start\.sh|\.ci/run"))
            yield return "it may write, and runs the code of the change";
    }

    private IEnumerable<string> Action(
        string action,
        YamlNode? with,
        YamlNode job,
        YamlNode file,
        string[] artifacts
    )
    {
        foreach (string key in (string[])["global-json-file", "sparse-checkout"])
        {
            if (with.Get(key).Text() is { } path && !_commands.Exists(path))
                yield return $"{key}: there is no '{path}'";
        }
        switch (action)
        {
            case "actions/checkout":
                if (with.Get("persist-credentials").Text() != "false")
                    yield return "a checkout leaves its token behind: persist-credentials must be false";
                // Of a workflow that another one starts it is the main branch as it is.
                if (
                    Writes(job)
                    && file.Get("on").Get("workflow_run") is null
                    && with.Get("ref").Text() != "${{ github.event.pull_request.base.sha }}"
                )
                    yield return "it may write, and checks out the change";
                break;
            case "actions/download-artifact":
                string wanted = with.Get("name").Text() ?? with.Get("pattern").Text() ?? "";
                string pattern =
                    $"^{Regex.Escape(wanted).Replace(@"\*", ".*", StringComparison.Ordinal)}$";
                if (!artifacts.Any(name => Regex.IsMatch(name, pattern)))
                    yield return $"no job leaves an artifact '{wanted}'";
                break;
        }
    }

    private bool IsRead(string variable) =>
        Directory
            .EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("artifacts", StringComparison.Ordinal))
            .Where(file =>
                !file.Contains(
                    $"{Path.DirectorySeparatorChar}Builds{Path.DirectorySeparatorChar}",
                    StringComparison.Ordinal
                )
            )
            .Any(file =>
                System
                    .IO.File.ReadAllText(file)
                    .Contains($"\"{variable}\"", StringComparison.Ordinal)
            );

    private static IEnumerable<YamlNode> StepsOf(YamlNode job) =>
        job.Get("steps") as YamlSequenceNode ?? Enumerable.Empty<YamlNode>();

    private static bool Writes(YamlNode job) =>
        job.Get("permissions").Pairs().Any(pair => pair.Value.Text() == "write");

    // One way past it is enough.
    private static bool IsGuarded(YamlNode job) =>
        job.Get("if").Text() is { } condition
        && Guard().IsMatch(condition)
        && !condition.Contains("||", StringComparison.Ordinal);

    private static IEnumerable<string> Unknown(YamlNode? node, string[] known, string what) =>
        node.Pairs()
            .Select(pair => pair.Key)
            .Except(known)
            .Select(key => $"'{key}' is no key of {what} that is known here");

    private static IEnumerable<string> Expressions(string text) =>
        Expression().Matches(text).Select(match => match.Groups[1].Value);

    private static IEnumerable<string> Roots(string expression) =>
        Root().Matches(Quoted().Replace(expression, "")).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"(?m)^\s*-?\s*uses:[ ]*(\S*)[ ]*(.*)$")]
    private static partial Regex Uses();

    [GeneratedRegex("^[A-Za-z0-9-]+/[A-Za-z0-9./-]+@[0-9a-f]{40}$")]
    private static partial Regex Pinned();

    [GeneratedRegex(@"^# v\d+\.\d+\.\d+$")]
    private static partial Regex Version();

    [GeneratedRegex(@"head(\.repo|_repository)\.full_name == github\.repository(?!\w|\.)")]
    private static partial Regex Guard();

    [GeneratedRegex(@"\$\{\{\s*(.*?)\s*\}\}")]
    private static partial Regex Expression();

    [GeneratedRegex(@"\$\{\{")]
    private static partial Regex Opened();

    [GeneratedRegex(@"(?<![\w.])([a-z_]+)\.")]
    private static partial Regex Root();

    [GeneratedRegex("'[^']*'")]
    private static partial Regex Quoted();
}
