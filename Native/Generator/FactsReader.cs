using System.Globalization;
using System.Text.RegularExpressions;

namespace Sequor.Native.Generator;

/// <summary>
/// Reads tables of facts. A declaration begins at the left margin; its doc ("-- text") and its members follow, indented. Native/README.md
/// shows one of each kind.
/// </summary>
public static partial class FactsReader
{
    /// <summary>Reads all tables below a folder, ordered by path.</summary>
    public static IReadOnlyList<FactsFile> ReadFolder(string folder) =>
        [
            .. Directory
                .EnumerateFiles(folder, "*.facts", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(path => Read(path, File.ReadAllLines(path))),
        ];

    /// <summary>Reads one table.</summary>
    /// <exception cref="FormatException">A line does not have the required form; the message says which.</exception>
    public static FactsFile Read(string path, IReadOnlyList<string> lines)
    {
        string? @class = null;
        string? header = null;
        var facts = new List<Fact>();
        for (int i = 0; i < lines.Count; )
        {
            string line = lines[i];
            int number = ++i;
            if (line.Length == 0 || line[0] == '#')
                continue;
            var members = new List<Line>();
            for (; i < lines.Count && lines[i].StartsWith("    ", StringComparison.Ordinal); i++)
                members.Add(Line.Of(lines[i].Trim()));
            try
            {
                if (line.StartsWith("class ", StringComparison.Ordinal))
                    @class = line["class ".Length..];
                else if (line.StartsWith("header ", StringComparison.Ordinal))
                    header = line["header ".Length..];
                else
                    facts.Add(Declaration(line, members));
            }
            catch (FormatException e)
            {
                throw new FormatException($"{path}, line {number} ('{line}'): {e.Message}", e);
            }
        }
        if (@class is null || header is null)
            throw new FormatException($"{path} does not say its class and its header.");
        return new FactsFile(path, @class, header, facts);
    }

    private static Fact Declaration(string line, List<Line> members)
    {
        if (members.Count == 0 || members[0].Fact.Length > 0)
            throw new FormatException("its doc, '-- text', has to follow.");
        string doc = members[0].Doc;
        members.RemoveAt(0);
        Match m = HandlePattern().Match(line);
        if (m.Success)
            return new HandleFact(m.Groups[1].Value, doc, m.Groups[2].Value);
        m = ConstantPattern().Match(line);
        if (m.Success)
        {
            ulong value = ulong.Parse(m.Groups[3].ValueSpan, CultureInfo.InvariantCulture);
            return new ConstantFact(m.Groups[2].Value, doc, m.Groups[1].Value, value);
        }
        m = EnumPattern().Match(line);
        if (m.Success)
            return new EnumFact(m.Groups[1].Value, doc, [.. members.Select(Value)]);
        m = StructPattern().Match(line);
        if (m.Success)
            return new StructFact(
                m.Groups[2].Value,
                doc,
                Number(m.Groups[3]),
                [.. members.Select(Field)],
                IsTag: m.Groups[1].Success
            );
        m = FunctionPattern().Match(line);
        if (m.Success)
            return new FunctionFact(
                m.Groups[2].Value,
                doc,
                m.Groups[1].Value,
                m.Groups[3].Success ? m.Groups[3].Value : m.Groups[2].Value,
                m.Groups[4].Success ? Number(m.Groups[4]) : 0,
                [.. members.Select(ParameterOf)]
            );
        throw new FormatException("it is no handle, constant, enum, struct or function.");
    }

    private static EnumValue Value(Line line)
    {
        Match m = Matched(ValuePattern(), line, "NAME = NUMBER");
        return new EnumValue(m.Groups[1].Value, Number(m.Groups[2]), line.Doc);
    }

    private static StructField Field(Line line)
    {
        Match m = Matched(FieldPattern(), line, "OFFSET TYPE NAME");
        int length = m.Groups[4].Success ? Number(m.Groups[4]) : 0;
        return new StructField(
            m.Groups[3].Value,
            Said(line),
            m.Groups[2].Value,
            Number(m.Groups[1]),
            length
        );
    }

    private static Parameter ParameterOf(Line line)
    {
        Match m = Matched(ParameterPattern(), line, "TYPE NAME -- DOC");
        return new Parameter(m.Groups[2].Value, Said(line), m.Groups[1].Value);
    }

    private static Match Matched(Regex pattern, Line line, string form)
    {
        Match m = pattern.Match(line.Fact);
        return m.Success ? m : throw new FormatException($"'{line.Fact}' is not {form}.");
    }

    private static string Said(Line line) =>
        line.Doc.Length > 0
            ? line.Doc
            : throw new FormatException($"'{line.Fact}' has no doc ('-- text').");

    private static int Number(Group group) =>
        int.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    private readonly record struct Line(string Fact, string Doc)
    {
        public static Line Of(string text)
        {
            if (text.StartsWith("-- ", StringComparison.Ordinal))
                return new("", text[3..]);
            int at = text.IndexOf(" -- ", StringComparison.Ordinal);
            return at < 0 ? new(text, "") : new(text[..at], text[(at + 4)..]);
        }
    }

    [GeneratedRegex(@"^handle (\w+) (.+)$")]
    private static partial Regex HandlePattern();

    [GeneratedRegex(@"^constant (.+) (\w+) = (\d+)$")]
    private static partial Regex ConstantPattern();

    [GeneratedRegex(@"^enum (\w+)$")]
    private static partial Regex EnumPattern();

    [GeneratedRegex(@"^struct (tag )?(\w+) (\d+)$")]
    private static partial Regex StructPattern();

    [GeneratedRegex(@"^function (.+?) (\w+)(?: = (\w+))?(?: @(\d+))?$")]
    private static partial Regex FunctionPattern();

    [GeneratedRegex(@"^(\w+) = (-?\d+)$")]
    private static partial Regex ValuePattern();

    [GeneratedRegex(@"^(\d+) (.+) ([\w.]+)(?:\[(\d+)\])?$")]
    private static partial Regex FieldPattern();

    [GeneratedRegex(@"^(.+) (\w+)$")]
    private static partial Regex ParameterPattern();
}
