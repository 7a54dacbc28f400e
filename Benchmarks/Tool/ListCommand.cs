using System.CommandLine;
using System.Globalization;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor list: what --arch, --task and --optimizer take, and the presets of reproduce.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        Option<string?> json = Options.Text(
            "--json",
            "writes the lists to a file, as JSON; - prints that in place of the text",
            "FILE|-"
        );
        var command = new Command(
            "list",
            "Lists architectures, tasks, optimizers, and presets of reproduce."
        );
        command.Options.Add(json);
        command.SetAction(result => Run(result.GetValue(json)));
        return command;
    }

    private static int Run(string? json)
    {
        using var stop = new StopSignal();
        OutputFile? file = OutputFile.For("--json", json);
        OutputFile.RequireApart(file);
        CatalogReport report = CatalogReport.Make();
        if (file?.IsStandardOutput != true)
            Show(new Screen(), report);
        file?.Write(ReportWriter.ToUtf8(report));
        return ExitCode.Success;
    }

    private static void Show(Screen screen, CatalogReport report)
    {
        screen.Table(
            "Architectures",
            ["arch", "depth", "title"],
            report.Architectures.Select(a =>
                (string[])
                    [
                        a.Name,
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{a.DefaultDepth} {a.DepthName}{(a.DefaultDepth == 1 ? "" : "s")}"
                        ),
                        a.Compared ? a.Title : $"{a.Title} (when named)",
                    ]
            )
        );
        screen.Table(
            "Tasks",
            ["task", "loss", "score", "length"],
            report.Tasks.Select(t =>
                (string[])[t.Name, t.Metric, t.Score, t.AnyLength ? "any" : "the data's"]
            )
        );
        // A list of files is as long as several tables are wide.
        screen.Title("Data");
        foreach (IGrouping<string?, ListedTask> same in report.Tasks.GroupBy(t => t.Data))
            screen.Line($"{string.Join(", ", same.Select(t => t.Name))}: {same.Key ?? "drawn"}");
        screen.Line();
        screen.Table(
            "Optimizers",
            ["optimizer", "weight decay"],
            report.Optimizers.Select(o =>
                (string[])[o.Name, o.Decay?.ToString(CultureInfo.InvariantCulture) ?? "none"]
            )
        );
        screen.Table(
            "Presets",
            ["task", "arch", "preset", "parameters", "paper"],
            report.Presets.Select(p =>
                (string[])
                    [
                        p.Task,
                        p.Arch,
                        p.Name,
                        p.Budget.ToString(CultureInfo.InvariantCulture),
                        p.Paper?.ToString(CultureInfo.InvariantCulture) ?? "no figure",
                    ]
            )
        );
    }
}
