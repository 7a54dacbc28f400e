using System.Globalization;
using System.Text.RegularExpressions;
using Sequor.Replay;

namespace Sequor.FirstContact;

/// <summary>Tests of the CUDA backend, which run on a GPU as they do on the virtual one.</summary>
/// <param name="fixtures">What the names of fixtures hold, separated by bars.</param>
/// <param name="dry">Those of a dry run, which are few: `test` runs all of them on the virtual GPU.</param>
internal sealed partial class FixtureCheck(string name, string proves, string fixtures, string dry)
    : Check
{
    public override string Name => name;

    public override string Proves => proves;

    public override TimeSpan Limit => TimeSpan.FromSeconds(180);

    /// <summary>What names of tests hold, one of each.</summary>
    /// <param name="isVirtual">A dry run's.</param>
    public string[] Parts(bool isVirtual) => (isVirtual ? dry : fixtures).Split('|');

    public override CheckOutcome Run(CheckContext context)
    {
        string names = string.Join(
            '|',
            Parts(context.IsVirtual).Select(part => $"FullyQualifiedName~{part}")
        );
        FinishedProcess tests = OtherProcess.Run(
            SisterProgram.Path("Sequor.Cuda.Tests"),
            [
                "--filter",
                $"TestCategory=Gpu&TestCategory!=Long&TestCategory!=VirtualGpu&({names})",
                "--no-progress",
            ],
            false,
            context.IsVirtual ? [] : [(ReplayDevice.RequireVariable, "1")]
        );
        string output = Colour().Replace(tests.Output, "");
        int passed = Count("succeeded");
        int failed = Count("failed");
        Figure[] figures =
        [
            new("passed", passed, ""),
            .. Error()
                .Matches(output)
                .Select(m => new Figure(
                    m.Groups[1].Value,
                    double.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture),
                    "relative"
                )),
        ];
        if (failed > 0)
            return CheckOutcome.Differed(
                $"{failed} tests failed: {string.Join(", ", Failed().Matches(output).Select(m => m.Groups[1].Value).Take(5))}",
                figures
            );
        return tests.ExitCode == 0 && passed > 0
            ? CheckOutcome.Held(figures)
            : CheckOutcome.Failed(tests.LastWords, figures);

        int Count(string what) =>
            Regex.Match(output, $@"(?m)^\s*{what}: (\d+)\s*$") is { Success: true } match
                ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
                : 0;
    }

    [GeneratedRegex(@"\x1b\[[0-9;]*m")]
    private static partial Regex Colour();

    [GeneratedRegex(@"^failed (\S+)", RegexOptions.Multiline)]
    private static partial Regex Failed();

    [GeneratedRegex(
        @"largest relative error of (.+) against the CPU: (\S+)\s*$",
        RegexOptions.Multiline
    )]
    private static partial Regex Error();
}
