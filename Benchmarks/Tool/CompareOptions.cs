using System.CommandLine;
using System.Globalization;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>The options of sequor compare, and those of them that other gates have as well.</summary>
internal sealed class CompareOptions
{
    private const double DefaultThreshold = 1;

    private readonly Option<bool> _counts = new("--counts")
    {
        Description = "compares counted figures alone, which other machines count alike",
    };

    private readonly Option<bool> _force = new("--force")
    {
        Description = "compares what is unlike all the same, and says so",
    };

    private readonly Option<Dictionary<string, double>?> _allow = new("--allow")
    {
        Description = "lets a count grow by so much, as in peak_bytes=1 (not at all)",
        HelpName = "METRIC=PERCENT,...",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result =>
        {
            var allowed = new Dictionary<string, double>();
            foreach (string text in result.Tokens.SelectMany(token => token.Value.Split(',')))
            {
                string[] parts = text.Split('=');
                if (
                    parts.Length == 2
                    && parts[0].Length > 0
                    && double.TryParse(
                        parts[1],
                        NumberStyles.AllowDecimalPoint,
                        CultureInfo.InvariantCulture,
                        out double percent
                    )
                    && double.IsFinite(percent)
                )
                    allowed[parts[0]] = percent / 100;
                else
                    result.AddError(
                        $"--allow must be a metric, = and percents of at least 0, as in peak_bytes=1, not '{Printable.Shortened(text)}'"
                    );
            }
            return allowed;
        },
    };

    private readonly Option<float?> _threshold = Options.Number(
        "--threshold",
        "percents below which a change of a time is none (1)"
    );

    public Argument<string> Base { get; } =
        new("BASE") { Description = "what is measured against: a file, or a folder of files" };

    public Argument<string> Head { get; } =
        new("HEAD") { Description = "what is judged: the same of the change" };

    public Option<bool> Strict { get; } =
        new("--strict") { Description = "exits with 3 where the verdict is unclear" };

    public Option<bool> Bisect { get; } =
        new(Gate.BisectOption)
        {
            Description = "exits with 125, which git bisect skips, in place of 2 and 3",
        };

    public Option<string?> Json { get; } = Options.Json();

    public Option<string?> Markdown { get; } =
        Options.Text(
            "--markdown",
            "writes the tables to a file, for a pull request or a job's summary, or to -",
            "FILE|-"
        );

    public Option<string?> Values { get; } =
        Options.Text(
            "--values",
            "writes HEAD's figures as a list of name, unit and value, for actions that draw trends, or to -",
            "FILE|-"
        );

    public void AddTo(Command command)
    {
        command.Arguments.Add(Base);
        command.Arguments.Add(Head);
        foreach (
            Option option in (Option[])
                [_counts, _allow, _threshold, _force, Strict, Bisect, Json, Markdown, Values]
        )
            command.Options.Add(option);
    }

    public bool Counts(ParseResult result) => result.GetValue(_counts);

    public bool Force(ParseResult result) => result.GetValue(_force);

    public JudgementOptions Judgement(ParseResult result) =>
        new()
        {
            Threshold = (result.GetValue(_threshold) ?? DefaultThreshold) / 100,
            Allowed = result.GetValue(_allow) ?? [],
        };
}
