using System.CommandLine;
using System.Text;
using Sequor.Workloads;
using Sequor.Workloads.Charts;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>sequor history: what runs of bench --history came to over the commits, and where it changed.</summary>
internal static class HistoryCommand
{
    public const string Name = "history";

    private const int MostDamaged = 10;
    private const int MostChanges = 3;

    public static Command Create()
    {
        Argument<string> file = new("FILE") { Description = "what bench --history wrote" };
        Option<string?> json = Options.Json();
        Option<string?> html = Options.Html();
        var command = new Command(
            Name,
            "Shows the trends of a history of bench, by commit, with the commits that changed a figure."
        );
        command.Arguments.Add(file);
        command.Options.Add(json);
        command.Options.Add(html);
        command.SetAction(result =>
        {
            using var stop = new StopSignal();
            string path = result.GetValue(file)!;
            OutputFile? toJson = OutputFile.For(json.Name, result.GetValue(json));
            OutputFile? toHtml = OutputFile.For(html.Name, result.GetValue(html));
            OutputFile.RequireApart(toJson, toHtml);
            OutputFile.RequireApartFrom(file.Name, path, toJson, toHtml);
            TrendReport report = Trends.Of(path, HistoryFile.Read(path));
            Show(new Screen(toJson, toHtml), report);
            ResultFiles.Write(
                null,
                (toJson, () => ReportWriter.ToUtf8(report)),
                (toHtml, () => Encoding.UTF8.GetBytes(TrendPage.Render(report)))
            );
            return ExitCode.Success;
        });
        return command;
    }

    private static void Show(Screen screen, TrendReport report)
    {
        foreach (TrendMachine machine in report.Machines)
        {
            screen.Table(
                Text($"{machine.Name}: {Several(machine.Commits.Count, "commit")}"),
                ["figure", "first", "last", "changes, the newest first"],
                machine.Series.Select(s =>
                    (string[])
                        [
                            $"{s.Name}: {s.Metric}",
                            Value(s.Values.First(v => v is not null), s.Unit),
                            Value(s.Values.Last(v => v is not null), s.Unit),
                            Changes(s),
                        ]
                )
            );
        }
        foreach (DamagedLine line in report.Damaged.Take(MostDamaged))
            screen.Line(Text($"Line {line.Line} was left out: it {line.Reason}."));
        if (report.Damaged.Count > MostDamaged)
            screen.Line(Text($"{report.Damaged.Count - MostDamaged} further lines were left out."));
        screen.Line(
            Text(
                $"{Several(report.Lines - report.Damaged.Count, "run")} on {Several(report.Machines.Count, "machine")}, which are not mixed. Times change by more than 1% and more than noise; counts where they are another number."
            )
        );
    }

    private static string Changes(TrendSeries series)
    {
        IEnumerable<string> newest = series
            .Changes.Reverse()
            .Take(MostChanges)
            .Select(change => Change(change, series.Unit));
        int older = series.Changes.Count - MostChanges;
        return string.Join(", ", older > 0 ? newest.Append(Text($"{older} older")) : newest);
    }

    private static string Change(TrendChange change, string unit) =>
        change.Ratio is { } ratio
            ? Text($"{ratio:0.000} from {change.Commit}")
            : Text($"{Value(change.After, unit)} from {change.Commit}");

    private static string Value(double? value, string unit) =>
        value is not { } number ? ""
        : unit == "ms" ? $"{Milliseconds(number)} ms"
        : Text($"{number:#,0.####} {unit}").TrimEnd();
}
