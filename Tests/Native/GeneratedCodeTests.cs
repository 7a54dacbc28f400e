using NUnit.Framework;
using Sequor.Native.Generator;
using Sequor.Tests.Support;

namespace Sequor.Tests.Native;

/// <summary>The generated C# and the C probe against the declaration tables, and the tables' own syntax errors.</summary>
[TestFixture]
public sealed class GeneratedCodeTests
{
    [Test]
    public void The_code_is_what_the_tables_give()
    {
        IReadOnlyDictionary<string, string> written = CSharpWriter.Write(Tables.Files);
        string[] names =
        [
            .. written.Keys.Select(n => n.Replace('\\', '/')).Order(StringComparer.Ordinal),
        ];
        Assert.That(Tables.Names(".g.cs"), Is.EqualTo(names));
        foreach ((string name, string text) in written)
            Assert.That(
                Tables.Text(name.Replace('\\', '/')),
                Is.EqualTo(text),
                $"{name} is not up to date; Native/README.md says how to write it"
            );
    }

    [Test]
    public void A_table_becomes_this_code()
    {
        FactsFile file = FactsReader.Read(
            "Small.facts",
            [
                "class Some",
                "header some.h",
                "# a remark",
                "function someResult someCall = someCall_v2 @11020",
                "    -- Does <something>.",
                "    const char* params -- a name",
                "    unsigned long long* size -- out: bytes",
            ]
        );
        string code = CSharpWriter.Write([file])["Small.g.cs"];
        Assert.That(
            code,
            Does.Contain("/// <summary>Does &lt;something>.</summary>")
                .And.Contain("/// <remarks>some.h, symbol someCall_v2, as of CUDA 11.2</remarks>")
                .And.Contain("public someResult someCall(byte* @params, ulong* size) =>")
                .And.Contain(
                    "((delegate* unmanaged<byte*, ulong*, someResult>)At(0))(@params, size);"
                )
        );
    }

    [TestCase("handle CUstream", "it is no handle, constant, enum, struct or function")]
    [TestCase("union U 8", "it is no handle, constant, enum, struct or function")]
    [TestCase("constant int X = -1", "it is no handle, constant, enum, struct or function")]
    public void An_unknown_declaration_is_refused_with_its_line(string line, string reason)
    {
        FormatException e = Refusal("class A", "header a.h", "", line, "    -- a doc");
        Assert.That(e.Message, Does.StartWith($"T.facts, line 4 ('{line}')").And.Contain(reason));
    }

    [TestCase("enum E", "    X 1", "'X 1' is not NAME = NUMBER")]
    [TestCase("struct S 8", "    int x -- a doc", "'int x' is not OFFSET TYPE NAME")]
    [TestCase("struct S 8", "    0 int x", "'0 int x' has no doc")]
    [TestCase("function int f", "    x -- a doc", "'x' is not TYPE NAME")]
    [TestCase("function int f", "    int x", "'int x' has no doc")]
    public void A_wrong_member_is_refused(string line, string member, string reason)
    {
        FormatException e = Refusal("class A", "header a.h", line, "    -- a doc", member);
        Assert.That(e.Message, Does.Contain("line 3").And.Contain(reason));
    }

    [Test]
    public void What_a_table_has_to_say_is_asked_for()
    {
        Assert.That(
            Refusal("class A", "header a.h", "enum E", "    X = 1").Message,
            Does.Contain("its doc, '-- text', has to follow")
        );
        Assert.That(
            Refusal("class A").Message,
            Is.EqualTo("T.facts does not say its class and its header.")
        );
    }

    [Test]
    public void The_probe_asks_the_headers_for_every_fact()
    {
        FactsFile file = FactsReader.Read(
            "T.facts",
            [
                .. new[] { "class A", "header a.h" },
                .. new[]
                {
                    "handle H void*",
                    "    -- d",
                    "constant unsigned int K = 7",
                    "    -- d",
                },
                .. new[] { "enum E", "    -- d", "    X = -1" },
                .. new[] { "struct S 16", "    -- d", "    8 char name[4] -- d" },
                .. new[] { "function int cuF = cuF_v2 @12000", "    -- d", "    const H* h -- d" },
                .. new[] { "function size_t g", "    -- d" },
            ]
        );
        string probe = ProbeWriter.Write([file]);
        foreach (
            string check in (string[])
                [
                    "#include <a.h>",
                    "(unsigned long long)(sizeof(H)), (unsigned long long)(sizeof(void*))",
                    "(unsigned long long)(K), (unsigned long long)(7ull)",
                    "(unsigned long long)(sizeof(E)), (unsigned long long)(4)",
                    "(unsigned long long)(X), (unsigned long long)(-1)",
                    "(unsigned long long)(sizeof(S)), (unsigned long long)(16)",
                    "(unsigned long long)(offsetof(S, name)), (unsigned long long)(8)",
                    "SAME(((S *)0)->name, char[4]);",
                    "SAME(&cuF, int (*)(const H*));",
                    "name(\"cuF\", TEXT(cuF), \"cuF_v2\");",
                    "SAME(PFN_cuF_v12000, int (*)(const H*));",
                    "SAME(&g, size_t (*)(void));",
                ]
        )
            Assert.That(probe, Does.Contain(check));
    }

    private static FormatException Refusal(params string[] lines) =>
        Assert.Throws<FormatException>(() => FactsReader.Read("T.facts", lines))!;
}
