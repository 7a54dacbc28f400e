using System.Text;
using static Sequor.Native.Generator.SourceText;

namespace Sequor.Native.Generator;

/// <summary>
/// Writes a C program that compares the tables with the vendors' headers: signatures when it is compiled, and values, sizes, offsets and
/// symbols when it is run. It links to none of the libraries.
/// </summary>
public static class ProbeWriter
{
    /// <summary>The program's text.</summary>
    public static string Write(IReadOnlyList<FactsFile> files)
    {
        var text = new StringBuilder();
        // The signature of a driver entry is also compared with that of its version.
        bool versioned = files.SelectMany(f => f.Facts).Any(f => f is FunctionFact { Since: > 0 });
        string[] versions = versioned ? ["cudaTypedefs.h", "cudaProfilerTypedefs.h"] : [];
        foreach (string header in files.Select(f => f.Header).Concat(versions).Distinct())
            text.Append("#include <").Append(header).Append(">\n");
        text.Append(
            """
            #include <stddef.h>
            #include <stdio.h>
            #include <string.h>
            #define TEXT_OF(x) #x
            #define TEXT(x) TEXT_OF(x)
            #define SAME(type, ...) \
                _Static_assert(__builtin_types_compatible_p(__typeof__(type), __VA_ARGS__), #type)
            static int bad;
            static void number(const char *what, unsigned long long header, unsigned long long table)
            {
                if (header != table) {
                    printf("%s: header %llu, table %llu\n", what, header, table);
                    bad++;
                }
            }
            static void name(const char *what, const char *header, const char *table)
            {
                if (strcmp(header, table) != 0) {
                    printf("%s: header %s, table %s\n", what, header, table);
                    bad++;
                }
            }
            int main(void)
            {

            """.ReplaceLineEndings("\n")
        );
        int facts = 0;
        foreach (Fact fact in files.SelectMany(file => file.Facts))
        {
            facts++;
            switch (fact)
            {
                case HandleFact handle:
                    Number(text, $"sizeof({handle.Name})", $"sizeof({handle.Base})");
                    break;
                case ConstantFact constant:
                    Number(text, constant.Name, Invariant($"{constant.Value}ull"));
                    break;
                case EnumFact values:
                    Number(text, $"sizeof({values.Name})", "4");
                    foreach (EnumValue v in values.Values)
                        Number(text, v.Name, Invariant($"{v.Value}"));
                    break;
                case StructFact layout:
                    Number(text, $"sizeof({layout.CType})", Invariant($"{layout.Size}"));
                    foreach (StructField f in layout.Fields)
                        Field(text, layout, f);
                    break;
                case FunctionFact function:
                    Function(text, function);
                    break;
            }
        }
        text.Line(Invariant($"    printf(\"{facts} declarations, %d differences\\n\", bad);"));
        text.Line("    return bad != 0;");
        text.Line("}");
        return text.ToString();
    }

    private static void Number(StringBuilder text, string header, string table) =>
        text.Line(
            $"    number(\"{header}\", (unsigned long long)({header}), (unsigned long long)({table}));"
        );

    private static void Field(StringBuilder text, StructFact layout, StructField f)
    {
        Number(text, $"offsetof({layout.CType}, {f.Name})", Invariant($"{f.Offset}"));
        string length = f.Length > 0 ? Invariant($"[{f.Length}]") : "";
        text.Line($"    SAME((({layout.CType} *)0)->{f.Name}, {f.Type}{length});");
    }

    private static void Function(StringBuilder text, FunctionFact f)
    {
        string types =
            f.Parameters.Count == 0 ? "void" : string.Join(", ", f.Parameters.Select(p => p.Type));
        text.Line($"    SAME(&{f.Name}, {f.Returns} (*)({types}));");
        text.Line($"    name(\"{f.Name}\", TEXT({f.Name}), \"{f.Symbol}\");");
        if (f.Since > 0)
        {
            // The name by which cuGetProcAddress finds the function.
            string known = f.Symbol.Split("_v")[0];
            string typedef = Invariant($"PFN_{known}_v{f.Since}");
            text.Line($"    SAME({typedef}, {f.Returns} (*)({types}));");
        }
    }
}
