using System.Text;
using static Sequor.Native.Generator.SourceText;

namespace Sequor.Native.Generator;

/// <summary>Writes tables of facts as C#.</summary>
public static class CSharpWriter
{
    /// <summary>
    /// Every file to be written, by its path: one beside each table, and one list of functions for each class that has any.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Write(IReadOnlyList<FactsFile> files)
    {
        var written = new Dictionary<string, string>();
        foreach (IGrouping<string, FactsFile> group in files.GroupBy(file => file.Class))
        {
            var functions = new List<FunctionFact>();
            foreach (FactsFile file in group)
            {
                written.Add(Path.ChangeExtension(file.Path, ".g.cs"), Table(file, functions));
            }
            // A header of types alone needs no list.
            if (functions.Count == 0)
                continue;
            string folder = Path.GetDirectoryName(group.First().Path)!;
            written.Add(Path.Combine(folder, group.Key + ".g.cs"), List(group.Key, functions));
        }
        return written;
    }

    private static string Table(FactsFile file, List<FunctionFact> functions)
    {
        StringBuilder text = Head(Path.GetFileName(file.Path));
        foreach (Fact fact in file.Facts)
        {
            switch (fact)
            {
                case HandleFact handle:
                    Summary(text, $"{handle.Doc} ({file.Header})");
                    text.Line(
                        $"public readonly record struct {handle.Name}({Word(handle)} Value);"
                    );
                    break;
                case EnumFact values:
                    Enum(text, file, values);
                    break;
                case StructFact layout:
                    Struct(text, file, layout);
                    break;
            }
        }
        Fact[] members = [.. file.Facts.Where(f => f is ConstantFact or FunctionFact)];
        if (members.Length == 0)
            return text.ToString();
        text.Append('\n');
        text.Line($"public unsafe partial class {file.Class}");
        text.Line("{");
        bool first = true;
        foreach (Fact fact in members)
        {
            if (!first)
                text.Append('\n');
            first = false;
            if (fact is FunctionFact function)
            {
                Function(text, file, function, functions.Count);
                functions.Add(function);
            }
            else if (fact is ConstantFact constant)
            {
                text.Append("    /// <summary>")
                    .Append(Escaped(constant.Doc))
                    .Append("</summary>\n");
                string type = CSharpTypes.Of(constant.Type);
                text.Line(
                    Invariant($"    public const {type} {constant.Name} = {constant.Value};")
                );
            }
        }
        text.Line("}");
        return text.ToString();
    }

    private static void Enum(StringBuilder text, FactsFile file, EnumFact fact)
    {
        Summary(text, $"{fact.Doc} ({file.Header})");
        text.Line($"public enum {fact.Name}");
        text.Line("{");
        foreach (EnumValue value in fact.Values)
        {
            if (value.Doc.Length > 0)
                text.Line($"    /// <summary>{Escaped(value.Doc)}</summary>");
            text.Line(Invariant($"    {value.Name} = {value.Value},"));
        }
        text.Line("}");
    }

    private static void Struct(StringBuilder text, FactsFile file, StructFact fact)
    {
        Summary(text, $"{fact.Doc} ({file.Header})");
        text.Line(Invariant($"[StructLayout(LayoutKind.Explicit, Size = {fact.Size})]"));
        text.Line($"public unsafe struct {fact.Name}");
        text.Line("{");
        foreach (StructField field in fact.Fields)
        {
            string type = CSharpTypes.Of(field.Type);
            text.Line($"    /// <summary>{Escaped(field.Doc)}</summary>");
            text.Line(Invariant($"    [FieldOffset({field.Offset})]"));
            text.Line(
                field.Length > 0
                    ? Invariant($"    public fixed {type} {Safe(field.Member)}[{field.Length}];")
                    : $"    public {type} {Safe(field.Member)};"
            );
        }
        text.Line("}");
    }

    private static void Function(StringBuilder text, FactsFile file, FunctionFact fact, int index)
    {
        text.Append("    /// <summary>").Append(Escaped(fact.Doc)).Append("</summary>\n");
        string symbol = fact.Symbol == fact.Name ? "" : $", symbol {fact.Symbol}";
        string since =
            fact.Since > 0
                ? Invariant($", as of CUDA {fact.Since / 1000}.{fact.Since % 1000 / 10}")
                : "";
        text.Line($"    /// <remarks>{file.Header}{symbol}{since}</remarks>");
        foreach (Parameter p in fact.Parameters)
            text.Line($"    /// <param name=\"{p.Name}\">{Escaped(p.Doc)}</param>");
        string returns = CSharpTypes.Of(fact.Returns);
        string parameters = string.Join(
            ", ",
            fact.Parameters.Select(p => $"{CSharpTypes.Of(p.Type)} {Safe(p.Name)}")
        );
        string types = string.Concat(fact.Parameters.Select(p => CSharpTypes.Of(p.Type) + ", "));
        string arguments = string.Join(", ", fact.Parameters.Select(p => Safe(p.Name)));
        text.Line($"    public {returns} {fact.Name}({parameters}) =>");
        text.Line(
            Invariant($"        ((delegate* unmanaged<{types}{returns}>)At({index}))({arguments});")
        );
    }

    private static string List(string @class, List<FunctionFact> functions)
    {
        StringBuilder text = Head("the tables beside this file");
        text.Append('\n');
        text.Line($"public partial class {@class}");
        text.Line("{");
        text.Line("    private static readonly FunctionName[] Functions =");
        text.Line("    [");
        foreach (FunctionFact f in functions)
            text.Line($"        new(\"{f.Name}\", \"{f.Symbol}\"),");
        text.Line("    ];");
        text.Line("}");
        return text.ToString();
    }

    private static StringBuilder Head(string source)
    {
        var text = new StringBuilder();
        text.Line("// <auto-generated>");
        text.Line($"// Written by Native/Generator from {source}; not to be edited.");
        text.Line("// </auto-generated>");
        text.Line("#nullable enable");
        text.Line("#pragma warning disable CS1591 // some enumerations' names say it all");
        text.Line("using System.Runtime.InteropServices;");
        text.Append('\n');
        text.Line("namespace Sequor.Native;");
        return text;
    }

    private static void Summary(StringBuilder text, string doc)
    {
        text.Append('\n');
        text.Line($"/// <summary>{Escaped(doc)}</summary>");
    }

    private static string Word(HandleFact handle) =>
        handle.Base == "void*" ? "nint" : CSharpTypes.Of(handle.Base);

    // Some parameters have names that are keywords of C#.
    private static string Safe(string name) =>
        name is "params" or "event" or "ref" or "string" ? "@" + name : name;

    private static string Escaped(string doc) =>
        doc.Replace("&", "&amp;", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal);
}
