using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Tool;

namespace Sequor.Tests.Tool;

/// <summary>The line that shows how far work has come: on standard error where that is a terminal, wherever the text goes.</summary>
[TestFixture]
[NonParallelizable]
public sealed class ProgressTests : FolderTest
{
    private const string Bench =
        "bench --arch rnn --length 5 --batch 2 --params 200 --steps 2 --warmup 0 --threads 1";

    private const string Train =
        "train --arch rnn --length 5 --batch 2 --params 200 --steps 40 --threads 1";

    [TestCase(Bench, "] 0 % rnn, 5 steps")]
    [TestCase(Train, "step 1/40  loss")]
    public void It_is_shown_on_a_terminal_that_output_does_not_go_to(string command, string text)
    {
        using IDisposable terminals = StandardStreams.StandIn(false, true);
        ProgressResult result = Run(command);
        Assert.That(result.Error, Does.Contain("\r[").And.Contain(text));
        Assert.That(result.Error, Does.EndWith(" \r"), "and wiped at the end");
        Assert.That(result.Output, Does.Not.Contain('\r').And.Not.Contain('\u001b'));
        // What is written over on the terminal is a line in the file.
        if (command == Train)
            Assert.That(
                result.Output,
                Does.Match(@"(?m)^step 2/40  loss").And.Match("(?m)^step 40/40")
            );
    }

    [Test]
    public void Reproductions_show_it_as_well()
    {
        string songs = Songs.Write(Folder);
        using IDisposable terminals = StandardStreams.StandIn(false, true);
        ProgressResult result = Run(
            "reproduce --task jsb --arch gru --preset 20k --budget 0.002 --threads 1 --data",
            songs
        );
        Assert.That(result.Error, Does.Contain("\r[").And.Contain("jsb gru 20k, seed 1: epoch 1/"));
        // On a fast machine all epochs may be over within the budget.
        Assert.That(
            result.Output,
            Does.Not.Contain('\r').And.Match("cut by the budget|epoch 200/200")
        );
    }

    [TestCase(Bench)]
    [TestCase(Train)]
    public void It_is_not_shown_elsewhere(string command)
    {
        Assert.That(Run(command).Error, Is.Empty);
        using IDisposable terminals = StandardStreams.StandIn(true, false);
        Assert.That(Run(command).Error, Is.Empty);
    }

    [Test]
    public void On_one_terminal_for_both_lines_are_not_kept()
    {
        using IDisposable terminals = StandardStreams.StandIn(true, true);
        ProgressResult result = Run(Train);
        Assert.That(result.Error, Does.Contain("step 1/40  loss"));
        Assert.That(result.Output, Does.Not.Contain("step 2/40"));
    }

    [Test]
    public void Text_that_gives_way_to_json_is_on_the_terminal()
    {
        using IDisposable terminals = StandardStreams.StandIn(false, true);
        var screen = new Screen(OutputFile.For("--json", "-"));
        Assert.That((screen.ShowsProgress, screen.KeepsLines), Is.EqualTo((true, false)));
    }

    [Test]
    public void Who_wants_no_sequences_gets_lines()
    {
        string? colours = Environment.GetEnvironmentVariable("NO_COLOR");
        using IDisposable terminals = StandardStreams.StandIn(true, true);
        try
        {
            Environment.SetEnvironmentVariable("NO_COLOR", "1");
            ProgressResult result = Run(Train);
            Assert.That(result.Error, Is.Empty);
            Assert.That(result.Output, Does.Contain("\nstep 2/40"));
        }
        finally
        {
            Environment.SetEnvironmentVariable("NO_COLOR", colours);
        }
    }

    /// <summary>The program itself on a terminal that script makes, its output going to another program.</summary>
    [Test]
    [Platform("Linux")]
    public void The_program_shows_it_beside_a_pipe()
    {
        ProgramResult result = Program.RunScript(
            Folder,
            $"""
            type -P script >/dev/null || exit 77
            TERM=xterm script --quiet --return --command "stty cols 60; '$sequor' {Bench} | tee out >/dev/null" typescript </dev/null >/dev/null
            """
        );
        if (result.ExitCode == 77)
            Assert.Ignore("There is no script(1) to make a terminal with.");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        string terminal = File.ReadAllText(PathOf("typescript"));
        string output = File.ReadAllText(PathOf("out"));
        Assert.That(terminal, Does.Contain("\r[").And.Contain("0 % rnn, 5 steps"));
        // What script writes before and after it is on lines of its own.
        string[] shown = [.. terminal.Split('\r', '\n').Where(line => line.StartsWith('['))];
        Assert.That(shown.Select(line => line.Length), Is.All.LessThan(60));
        Assert.That(output, Does.Contain("One training step").And.Not.Contain('\r'));
    }

    private static ProgressResult Run(string line, params string[] more)
    {
        ProgramResult result = InProcess.Run(line, more);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return new ProgressResult(result.Output, result.Error);
    }

    private sealed record ProgressResult(string Output, string Error);
}
