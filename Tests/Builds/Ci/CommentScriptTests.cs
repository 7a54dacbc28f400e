using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Tool;

namespace Sequor.Tests.Builds;

/// <summary>The script that leaves a report on a pull request, with a stand-in for the service's own program.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
[Platform("Linux,MacOsX")]
public sealed class CommentScriptTests : FolderTest
{
    // Tells how it was called, and what it was to send; there are comments where the test says so.
    private const string StandIn = """
        #!/usr/bin/env bash
        echo "gh $*" | sed "s#body=@.*#body=@FILE#" >>"$CALLS"
        for word in "$@"; do
            case $word in
                body=@*) cp "${word#body=@}" "$CALLS.body" ;;
            esac
        done
        case $* in
            *--paginate*) printf '%s' "${IDS:-}" ;;
        esac
        exit "${GH_STATUS:-0}"
        """;

    private ProgramResult Run(string arguments, string variables = "")
    {
        File.WriteAllText(PathOf("gh"), StandIn + "\n");
        string script = Path.Combine(Repository.Root(), ".github", "scripts", "comment.sh");
        return Tool.Program.RunScript(
            Folder,
            $"""
            chmod +x gh; export PATH="$PWD:$PATH" CALLS="$PWD/calls" GITHUB_REPOSITORY=o/r {variables}
            "{script}" {arguments}
            """
        );
    }

    private string Report(int length = 10)
    {
        File.WriteAllText(PathOf("report.md"), new string('a', length));
        return PathOf("report.md");
    }

    [Test]
    public void The_first_report_is_a_new_comment()
    {
        Run($"7 cpu '{Report()}'").RequireSuccess();
        Assert.That(
            File.ReadAllLines(PathOf("calls"))[^1],
            Is.EqualTo("gh api --silent --method POST repos/o/r/issues/7/comments -F body=@FILE")
        );
        Assert.That(
            File.ReadAllText(PathOf("calls.body")),
            Is.EqualTo("<!-- sequor report: cpu -->\naaaaaaaaaa")
        );
    }

    [Test]
    public void A_later_one_takes_its_place()
    {
        Run($"7 gpu '{Report()}'", "IDS=$'31\\n44'").RequireSuccess();
        Assert.That(
            File.ReadAllLines(PathOf("calls"))[^1],
            Is.EqualTo("gh api --silent --method PATCH repos/o/r/issues/comments/31 -F body=@FILE")
        );
    }

    [Test]
    public void A_long_one_is_cut_off_and_says_so()
    {
        Run($"7 cpu '{Report(70_000)}'").RequireSuccess();
        string body = File.ReadAllText(PathOf("calls.body"));
        Assert.That(body, Has.Length.LessThan(65_536));
        Assert.That(body, Does.EndWith("Cut off; all of it is in the artifacts of the run.\n"));
    }

    [TestCase("", "usage")]
    [TestCase("7 cpu", "usage")]
    [TestCase("'7; true' cpu report.md", "is no number of a pull request")]
    [TestCase("'' cpu report.md", "is no number of a pull request")]
    [TestCase("7 '--> x' report.md", "is no kind")]
    public void Wrong_usage_sends_nothing(string arguments, string message)
    {
        Report();
        Run(arguments).RequireFailure(2, message);
        Assert.That(File.Exists(PathOf("calls")), Is.False);
    }

    [Test]
    public void A_report_that_is_missing_and_a_service_that_refuses_are_failures()
    {
        Run("7 cpu nowhere.md").RequireFailure(1, "there is no report 'nowhere.md'");
        Assert.That(Run($"7 cpu '{Report()}'", "GH_STATUS=4").ExitCode, Is.EqualTo(4));
    }
}
