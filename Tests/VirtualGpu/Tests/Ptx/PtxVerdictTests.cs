using System.Diagnostics;
using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// Texts on which ptxas 11.8 with -arch=sm_90 was asked, and its verdicts: what it refuses is refused here, as a
/// <see cref="PtxException"/> with the line, and each soon. verdicts.txt tells how it is written.
/// </summary>
[TestFixture]
public sealed class PtxVerdictTests
{
    private const string Head = ".version 7.8\n.target sm_75\n.address_size 64\n";

    // The longest takes a third of a second of a processor; a machine may be busy.
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    private const string Registers = """
        .reg .b32 %r<9>; .reg .b64 %x<9>; .reg .f32 %f<9>; .reg .f64 %d<9>; .reg .pred %p<9>;
        .reg .b16 %h<9>; .reg .u32 %u<9>; .reg .s32 %s<9>; .reg .b8 %e<9>;
        .shared .align 8 .b8 sv[64]; .local .align 8 .b8 lv[64];

        """;

    private static readonly (string Section, char Verdict, string Text)[] s_cases = [.. Read()];

    private static readonly string[] Sections = [.. s_cases.Select(c => c.Section).Distinct()];

    [TestCaseSource(nameof(Sections))]
    public void Are_those_of_ptxas(string section) =>
        Assert.Multiple(() =>
        {
            var watch = new Stopwatch();
            foreach ((_, char verdict, string text) in s_cases.Where(c => c.Section == section))
            {
                watch.Restart();
                char given = Verdict(text, out string message);
                Assert.That(watch.Elapsed, Is.LessThan(s_soon), text);
                // What ptxas takes and this does not is named, so that neither side moves unseen.
                Assert.That(
                    given,
                    Is.EqualTo(verdict == '~' ? '-' : verdict),
                    $"{text}\n{message}"
                );
            }
        });

    [Test]
    public void Are_many() => Assert.That(s_cases, Has.Length.GreaterThan(1500));

    // The kinds of what once ended or hung the process, or was taken: made here, where they are long.
    [TestCase("braces", '-')]
    [TestCase("statements", '+')]
    [TestCase("branches", '+')]
    [TestCase("labels", '+')]
    [TestCase("registers", '+')]
    [TestCase("parameters", '-')]
    [TestCase("variables", '+')]
    [TestCase("initial values", '+')]
    [TestCase("initial braces", '-')]
    [TestCase("dimensions", '-')]
    [TestCase("kernels", '+')]
    [TestCase("comments", '+')]
    [TestCase("directives", '+')]
    [TestCase("operands", '-')]
    [TestCase("modifiers", '-')]
    [TestCase("live registers", '-')]
    [TestCase("colons", '-')]
    [TestCase("depth", '+')]
    [TestCase("kernels and variables", '+')]
    [TestCase("labels and registers", '+')]
    [TestCase("loops", '+')]
    public void Of_long_texts_come_soon(string kind, char verdict)
    {
        string text = Long(kind);
        var watch = Stopwatch.StartNew();
        char given = Verdict(text, out string message);
        Assert.That(watch.Elapsed, Is.LessThan(s_soon));
        Assert.That(given, Is.EqualTo(verdict), message);
    }

    private static char Verdict(string text, out string message)
    {
        message = "";
        try
        {
            PtxModule.Parse(text);
            return '+';
        }
        catch (PtxException e)
        {
            message = e.Message;
            Assert.That(e.Line, Is.InRange(1, 1 + text.Count(c => c == '\n')), text);
            return '-';
        }
    }

    private static string Long(string kind)
    {
        const string Open = Head + ".entry k(.param .u64 y)\n{\n" + Registers;
        return kind switch
        {
            "braces" => Open + Repeat(100_000, _ => "{") + Repeat(100_000, _ => "}") + "}",
            "statements" => Open + Repeat(5000, _ => "add.s32 %r0, %r1, %r2;\n") + "}",
            // Each leads to the one before it, so that what is read at the first is live at the last.
            "branches" => Open
                + "add.s32 %r0, %r1, %r2; ret;\n"
                + Repeat(5000, i => $"L{i}: bra {(i == 0 ? "L0" : $"L{i - 1}")};\n")
                + "}",
            "labels" => Open + Repeat(20_000, i => $"L{i}:\n") + "}",
            "registers" => Open + Repeat(20_000, i => $".reg .b32 %q{i}x;\n") + "}",
            "parameters" => Head
                + $".entry k({Repeat(5000, i => $".param .b8 y{i},")}.param .b8 z) {{ ret; }}",
            "variables" => Head + Repeat(5000, i => $".global .b32 g{i};\n"),
            "initial values" => Head + $".global .b8 g[] = {{ {Repeat(50_000, _ => "1,")} 1 }};",
            "initial braces" => Head + $".global .b8 g[1] = {Repeat(50_000, _ => "{")}",
            "dimensions" => Head + $".global .b8 g{Repeat(50_000, _ => "[1]")};",
            "kernels" => Head + Repeat(500, i => $".entry k{i}() {{ ret; }}\n"),
            "comments" => Head + Repeat(50_000, _ => "/* */ //\n"),
            "directives" => Head + $".entry k() {Repeat(20_000, _ => ".maxntid 32 ")} {{ ret; }}",
            "operands" => Open + $"add.s32 {Repeat(50_000, _ => "%r0,")} %r0; }}",
            "modifiers" => Open + $"add{Repeat(50_000, _ => ".rn")}.f32 %f0, %f1, %f2; }}",
            "colons" => Open + $"fence{Repeat(20_000, _ => "::proxy")};}}",
            "depth" => Open
                + Repeat(62, _ => "{")
                + Repeat(2000, _ => "mov.u32 %r1, %r8;\n")
                + Repeat(62, _ => "}")
                + "}",
            "kernels and variables" => Head
                + Repeat(1000, i => $".shared .b32 s{i};\n")
                + Repeat(1000, i => $".entry k{i}() {{ ret; }}\n"),
            "labels and registers" => Open
                + Repeat(1500, i => $"L{i}: .reg .b32 %q{i}x<2>;\n")
                + "}",
            // Each within the one before it, all registers alive through all of them.
            "loops" => Open
                + ".reg .b32 %q<1000>;\n"
                + Repeat(1000, i => $"mov.u32 %q{i}, 1; L{i}:\n")
                + Repeat(1000, i => $"add.s32 %q{i}, %q{i}, 1; @%p1 bra L{999 - i};\n")
                + "}",
            "live registers" => Open
                + ".reg .b32 %q<20000>;\n"
                + Repeat(20_000, i => $"mov.u32 %q{i}, 1;\n")
                + "}",
            _ => throw new ArgumentException(kind),
        };
    }

    private static string Repeat(int times, Func<int, string> text) =>
        string.Concat(Enumerable.Range(0, times).Select(text));

    private static IEnumerable<(string Section, char Verdict, string Text)> Read()
    {
        string section = "";
        foreach (string line in PtxKernels.Text("verdicts.txt").Split('\n'))
        {
            if (line.StartsWith('[') && line.EndsWith(']'))
                section = line[1..^1];
            else if (line.Length > 2 && line[0] is '+' or '-' or '~')
                yield return (section, line[0], Wrap(section, line[2..]));
        }
    }

    private static string Wrap(string section, string text)
    {
        switch (section)
        {
            case "body":
                return Head.Replace("sm_75", "sm_90", StringComparison.Ordinal)
                    + ".global .align 8 .b8 gv[64];\n.const .align 8 .b8 cv[64];\n.visible .entry k(.param .u64 y)\n{\n"
                    + Registers
                    + ".reg .f16 %g<9>;\n{ "
                    + text
                    + " }\nret;\n}\n";
            case "since":
                string[] parts = text.Split(' ', 3);
                return $".version {parts[0]}\n.target {parts[1]}\n.address_size 64\n"
                    + ".global .align 8 .b8 gv[64];\n.visible .entry k(.param .u64 y)\n{\n"
                    + Registers
                    + parts[2]
                    + "\nret;\n}\n";
            case "directives":
                return $"{Head}.entry k() {text} {{ ret; }}";
            case "module":
                return Head + Unescape(text);
            default:
                return Unescape(text);
        }
    }

    private static string Unescape(string text) =>
        text.Replace("\\n", "\n", StringComparison.Ordinal)
            .Replace("\\0", "\0", StringComparison.Ordinal)
            .Replace("\\v", "\v", StringComparison.Ordinal)
            .Replace("\\s", "\u00a0", StringComparison.Ordinal)
            .Replace("\\e", "\u00e9", StringComparison.Ordinal);
}
