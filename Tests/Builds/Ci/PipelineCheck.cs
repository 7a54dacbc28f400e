using YamlDotNet.RepresentationModel;

namespace Sequor.Tests.Builds;

/// <summary>What is wrong with a pipeline for GitLab: its form, and what its scripts call.</summary>
/// <param name="root">The tree.</param>
internal sealed class PipelineCheck(string root)
{
    private static readonly string[] FileKeys = ["stages", "workflow", "variables", "default"];

    private static readonly string[] JobKeys =
    [
        "stage",
        "interruptible",
        "rules",
        "variables",
        "resource_group",
        "cache",
        "script",
        "artifacts",
        "timeout",
    ];

    private static readonly string[] ArtifactKeys = ["when", "expose_as", "paths", "expire_in"];

    private readonly CommandCheck _commands = new(root);

    /// <summary>All that is wrong.</summary>
    public IReadOnlyList<string> Of(string text)
    {
        try
        {
            return [.. File(Yaml.Read(text))];
        }
        catch (FormatException e)
        {
            return [e.Message];
        }
    }

    private IEnumerable<string> File(YamlMappingNode file)
    {
        IReadOnlyList<string> stages = file.Get("stages").Texts();
        Dictionary<string, string> variables = file.Get("variables").Variables();
        if (file.Get("default").Get("image") is null)
            yield return "default has no image";
        if (file.Get("default").Get("timeout") is null)
            yield return "default has no timeout";
        (string Key, YamlNode Value)[] jobs =
        [
            .. file.Pairs().Where(pair => !FileKeys.Contains(pair.Key)),
        ];
        if (jobs.Length == 0)
            yield return "there is no job";
        foreach ((string name, YamlNode job) in jobs)
        {
            foreach (string problem in Job(job, stages, variables))
                yield return $"job {name}: {problem}";
        }
    }

    private IEnumerable<string> Job(
        YamlNode job,
        IReadOnlyList<string> stages,
        Dictionary<string, string> variables
    )
    {
        foreach ((string key, _) in job.Pairs().Where(pair => !JobKeys.Contains(pair.Key)))
            yield return $"'{key}' is no key of a job that is known here";
        foreach (
            (string key, _) in job.Get("artifacts")
                .Pairs()
                .Where(pair => !ArtifactKeys.Contains(pair.Key))
        )
            yield return $"'{key}' is no key of artifacts that is known here";
        if (!stages.Contains(job.Get("stage").Text()))
            yield return $"its stage '{job.Get("stage").Text()}' is none of the file's";
        IReadOnlyList<string> lines = job.Get("script").Texts();
        if (lines.Count == 0)
            yield return "it has no script";
        foreach (string line in lines)
        {
            if (Bash.Refuses(line) is { } refusal)
                yield return refusal;
            foreach (string problem in _commands.Of(line, variables))
                yield return problem;
        }
    }
}
