using System.CommandLine;
using System.Text;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Counts;

/// <summary>./build.sh gate: what training steps are counted to do now, against the baseline that is checked in.</summary>
internal static class GateCommand
{
    public static Command Create()
    {
        var baseline = new Option<string>("--baseline")
        {
            Description = "the folder of the baseline",
            HelpName = "FOLDER",
            Required = true,
        };
        var update = new Option<bool>("--update")
        {
            Description = "records the baseline anew, in place of comparing",
        };
        Option<string[]?> architectures = Options.Choices(
            "--arch",
            $"architectures to count, of {string.Join(", ", Architecture.Names)} ({string.Join(", ", Architecture.Compared)})",
            Architecture.Names
        );
        Option<string?> markdown = new CompareOptions().Markdown;
        var command = new Command(
            Gate.CountsName,
            "Counts what training steps do on the CPU and on a GPU made of C#, and fails where a count grew. Every machine counts the same."
        );
        foreach (Option option in (Option[])[baseline, update, architectures, markdown])
            command.Options.Add(option);
        command.SetAction(result =>
        {
            using var stop = new StopSignal();
            string folder = result.GetValue(baseline)!;
            string[] names = result.GetValue(architectures) is { Length: > 0 } given
                ? given
                : [.. Architecture.Compared.Select(a => a.Name)];
            if (!result.GetValue(update))
                return Compare(
                    folder,
                    names,
                    OutputFile.For(markdown.Name, result.GetValue(markdown))
                );
            foreach (Option option in (Option[])[architectures, markdown])
            {
                if (result.GetResult(option) is not null)
                    throw new UsageException(
                        $"{option.Name} and {update.Name} exclude each other: a baseline has all architectures"
                    );
            }
            return Update(folder, names);
        });
        return command;
    }

    private static int Compare(string folder, string[] names, OutputFile? markdown)
    {
        // What cannot be read is told before anything is counted.
        FigureSet[] baselines =
        [
            .. GateMeasurement.All.Select(each => FigureSet.Read("baseline", each.PathIn(folder))),
        ];
        var screen = new Screen(markdown);
        var reports = new List<ComparisonReport>();
        for (int i = 0; i < baselines.Length; i++)
        {
            GateMeasurement measurement = GateMeasurement.All[i];
            byte[] counted = measurement.Run(names);
            ComparisonReport report = Comparer.Compare(
                baselines[i].Only(names),
                FigureSet.Of("HEAD", "this program", counted),
                new JudgementOptions(),
                counts: true,
                force: false
            ) with
            {
                // Without the folder, which is another one on each machine.
                Base = measurement.File,
            };
            ComparisonView.Show(screen, report);
            foreach (string line in Advice(report, measurement, folder, names))
                Screen.Tell(line);
            reports.Add(report);
        }
        markdown?.Write(
            Encoding.UTF8.GetBytes(
                string.Join("\n\n", reports.Select(ComparisonView.Markdown)) + "\n"
            )
        );
        return reports.Any(report =>
            RowVerdict.IsWorse(report.Verdict) || Lacking(report).Length > 0
        )
            ? ExitCode.Failure
            : ExitCode.Success;
    }

    // What is counted and not in the baseline could be any number, now and later.
    private static string[] Lacking(ComparisonReport report) =>
        [
            .. report
                .Rows.Where(row => row.Verdict == RowVerdict.New)
                .Select(row => $"{row.Metric} of {row.Name}"),
        ];

    private static IEnumerable<string> Advice(
        ComparisonReport report,
        GateMeasurement measurement,
        string folder,
        string[] names
    )
    {
        if (RowVerdict.IsWorse(report.Verdict))
        {
            yield return $"gate: a count is more than {measurement.File} has, or is gone.";
            // The machine's own GPU, if it has one, would be another one.
            if (!measurement.IsOnGpu)
            {
                yield return "To look closer:";
                yield return $"  {measurement.Line(names)} --json head.json";
                yield return $"  ./build.sh compare --counts {measurement.PathIn(folder)} head.json";
            }
            yield return "If the change is meant, ./build.sh gate --update records the baseline anew; its commit says why.";
        }
        if (Lacking(report) is { Length: > 0 } lacking)
        {
            string more =
                lacking.Length > 1
                    ? FormattableString.Invariant($" and {lacking.Length - 1} more")
                    : "";
            yield return $"gate: {measurement.File} lacks {lacking[0]}{more}: ./build.sh gate --update records it anew, in the commit that adds what is counted.";
        }
        else if (
            !RowVerdict.IsWorse(report.Verdict)
            && report.Rows.Any(row => row.Verdict is not RowVerdict.Same)
        )
        {
            yield return $"gate: {measurement.File} is no longer what is counted: ./build.sh gate --update records it anew, or a count may grow back unseen.";
        }
    }

    private static int Update(string folder, string[] names)
    {
        OutputFile[] files =
        [
            .. GateMeasurement.All.Select(each =>
                OutputFile.For("--baseline", each.PathIn(folder))!
            ),
        ];
        byte[][] counted = [.. GateMeasurement.All.Select(each => each.Run(names))];
        for (int i = 0; i < files.Length; i++)
        {
            files[i].Write(counted[i]);
            Console.Out.WriteLine($"{GateMeasurement.All[i].PathIn(folder)} was recorded");
        }
        return ExitCode.Success;
    }
}
