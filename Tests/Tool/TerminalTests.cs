using NUnit.Framework;
using Sequor.Tool;

namespace Sequor.Tests.Tool;

/// <summary>Tables with lines, as terminals get them.</summary>
[TestFixture]
[NonParallelizable]
[Platform(Exclude = "Win", Reason = "TERM says what a terminal takes")]
public sealed class TerminalTests
{
    private static string Drawn(string? term)
    {
        string? before = Environment.GetEnvironmentVariable("TERM");
        Environment.SetEnvironmentVariable("TERM", term);
        try
        {
            using var text = new StringWriter { NewLine = "\n" };
            var terminal = new Terminal(text, isError: false);
            terminal.Title("Title");
            terminal.Table(
                [
                    ["arch", "ms"],
                    ["rnn", "1.25"],
                    ["s4d", "3"],
                ],
                [4, 4]
            );
            return text.ToString().ReplaceLineEndings("\n");
        }
        finally
        {
            Environment.SetEnvironmentVariable("TERM", before);
        }
    }

    [TestCase("xterm-256color")]
    [TestCase("linux")]
    [TestCase("screen.xterm")]
    public void A_table_has_colours(string term) =>
        Assert.That(
            Drawn(term),
            Is.EqualTo(
                "\e[1mTitle\e[0m\n"
                    + "             \n"
                    + " \e[2march\e[0m    \e[2mms\e[0m  \n"
                    + "─────────────\n"
                    + " \e[38;5;14mrnn\e[0m   1.25  \n"
                    + " \e[38;5;14ms4d\e[0m      3  \n"
                    + "             \n"
            )
        );

    [TestCase(null)]
    [TestCase("")]
    [TestCase("unheard-of")]
    public void A_terminal_that_is_not_known_gets_lines_alone(string? term) =>
        Assert.That(
            Drawn(term),
            Is.EqualTo(
                "Title\n"
                    + "             \n"
                    + " arch    ms  \n"
                    + "─────────────\n"
                    + " rnn   1.25  \n"
                    + " s4d      3  \n"
                    + "             \n"
            )
        );
}
