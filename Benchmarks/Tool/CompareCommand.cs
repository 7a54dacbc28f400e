using System.CommandLine;
using System.Text;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor compare: what of a change's figures is worse than before it, with an exit code for CI.</summary>
internal static class CompareCommand
{
    public const string Name = "compare";

    public static Command Create()
    {
        var options = new CompareOptions();
        var command = new Command(
            Name,
            "Compares figures of bench, profile, counts, reproduce or BenchmarkDotNet before and after a change."
        );
        options.AddTo(command);
        command.SetAction(result => Run(options, result));
        return command;
    }

    private static int Run(CompareOptions options, ParseResult result)
    {
        using var stop = new StopSignal();
        string before = result.GetValue(options.Base)!;
        string after = result.GetValue(options.Head)!;
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        OutputFile? markdown = OutputFile.For(
            options.Markdown.Name,
            result.GetValue(options.Markdown)
        );
        OutputFile? values = OutputFile.For(options.Values.Name, result.GetValue(options.Values));
        OutputFile.RequireApart(json, markdown, values);
        OutputFile.RequireApartFrom(options.Base.Name, before, json, markdown, values);
        OutputFile.RequireApartFrom(options.Head.Name, after, json, markdown, values);
        ComparisonReport report;
        UsageException? refused = null;
        try
        {
            report = Comparer.Compare(
                FigureSet.Read(options.Base.Name, before),
                FigureSet.Read(options.Head.Name, after),
                options.Judgement(result),
                options.Counts(result),
                options.Force(result)
            );
            ComparisonView.Show(new Screen(json, markdown, values), report);
        }
        catch (UsageException e)
        {
            refused = e;
            report = new ComparisonReport
            {
                Verdict = RowVerdict.Refused,
                Reason = e.Message,
                Base = before,
                Head = after,
            };
        }
        ResultFiles.Write(
            refused,
            (json, () => ReportWriter.ToUtf8(report)),
            (markdown, () => Encoding.UTF8.GetBytes(ComparisonView.Markdown(report))),
            (values, () => NamedValue.List(report))
        );
        return Gate.CodeOf(
            report.Verdict,
            result.GetValue(options.Strict),
            result.GetValue(options.Bisect)
        );
    }
}
