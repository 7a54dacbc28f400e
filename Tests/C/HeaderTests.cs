using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.C;

namespace Sequor.Tests.C;

/// <summary>
/// sequor.h and sequor.py against the exports: every function is declared and every declaration exported, with the same parameters; the same
/// numbers and the same structs.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed partial class HeaderTests
{
    private static readonly string Header = Resource("sequor.h");
    private static readonly string Python = Resource("sequor.py");

    private static readonly Dictionary<string, string> Types = new()
    {
        ["sequor_status"] = "Int32",
        ["const char *"] = "Byte*",
        ["char *"] = "Byte*",
        ["uint32_t"] = "UInt32",
        ["int32_t"] = "Int32",
        ["int32_t *"] = "Int32*",
        ["const int32_t *"] = "Int32*",
        ["int64_t"] = "Int64",
        ["int64_t *"] = "Int64*",
        ["const int64_t *"] = "Int64*",
        ["uint64_t"] = "UInt64",
        ["size_t"] = "UIntPtr",
        ["size_t *"] = "UIntPtr*",
        ["float"] = "Single",
        ["float *"] = "Single*",
        ["const float *"] = "Single*",
        ["void *"] = "Void*",
        ["void **"] = "Void**",
        ["const sequor_cpu_options *"] = "CpuOptionsStruct*",
        ["const sequor_cuda_options *"] = "CudaOptionsStruct*",
        ["const sequor_plan_options *"] = "PlanOptionsStruct*",
    };

    // The letters of sequor.py's table.
    private static readonly Dictionary<string, string> Letters = new()
    {
        ["UInt64*"] = "H",
        ["Int32"] = "i",
        ["Int32*"] = "I",
        ["Int64"] = "l",
        ["Int64*"] = "L",
        ["Single"] = "f",
        ["Single*"] = "F",
        ["UIntPtr"] = "z",
        ["UIntPtr*"] = "Z",
        ["Void*"] = "p",
        ["Void**"] = "P",
        ["CpuOptionsStruct*"] = "c",
        ["CudaOptionsStruct*"] = "g",
        ["PlanOptionsStruct*"] = "o",
    };

    private static readonly string[] Handles =
    [
        "backend",
        "model",
        "plan",
        "stream_state",
        "loss",
        "optimizer",
        "step",
        "tensor",
    ];

    private static MethodInfo[] Exported =>
        [
            .. typeof(Exports)
                .GetMethods(BindingFlags.Static | BindingFlags.Public)
                .Where(m => m.GetCustomAttribute<UnmanagedCallersOnlyAttribute>() is not null),
        ];

    [Test]
    public void Every_export_is_declared_and_every_declaration_exported()
    {
        Dictionary<string, string> exported = Exported.ToDictionary(
            m => m.GetCustomAttribute<UnmanagedCallersOnlyAttribute>()!.EntryPoint!,
            m =>
                $"{m.ReturnType.Name}({string.Join(", ", m.GetParameters().Select(p => $"{p.ParameterType.Name} {p.Name}"))})"
        );
        Dictionary<string, string> declared = Declarations()
            .ToDictionary(
                d => d.Name,
                d =>
                    $"{TypeOf(d.Result)}({string.Join(", ", d.Parameters.Select(p => $"{TypeOf(p.Type)} {p.Name}"))})"
            );
        Assert.That(exported, Has.Count.AtLeast(60));
        Assert.That(declared, Is.EquivalentTo(exported));
    }

    [Test]
    public void Every_export_can_be_called_by_the_tests()
    {
        string[] called =
        [
            .. typeof(Abi).GetMethods(BindingFlags.Static | BindingFlags.Public).Select(Text),
        ];
        Assert.That(called, Is.EquivalentTo(Exported.Select(Text)));

        static string Text(MethodInfo m) => m.ToString()!;
    }

    [Test]
    public void Statuses_have_the_same_names_and_numbers()
    {
        Dictionary<string, int> declared = StatusLine()
            .Matches(Header)
            .ToDictionary(
                m => m.Groups[1].Value,
                m => int.Parse(m.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture)
            );
        Dictionary<string, int> ours = Enum.GetValues<Status>()
            .ToDictionary(Exports.NameOf, status => (int)status);
        Assert.That(declared, Is.EquivalentTo(ours));
        string[] python =
        [
            .. Regex
                .Matches(Regex.Match(Python, @"STATUS = \(([^)]*)\)").Groups[1].Value, "\"(\\w+)\"")
                .Select(m => m.Groups[1].Value),
        ];
        Assert.That(
            python.Select((name, i) => (name, i)),
            Is.EqualTo(
                Enum.GetValues<Status>().Select(s => (s.ToString().ToUpperInvariant(), (int)s))
            )
        );
    }

    [Test]
    public void The_versions_are_the_same()
    {
        string hex = $"0x{Exports.AbiVersion:x8}";
        Assert.That(Header, Does.Contain($"#define SEQUOR_ABI_VERSION {hex}u"));
        Assert.That(Python, Does.Contain($"ABI_VERSION = {hex}"));
    }

    [TestCase("sequor_cpu_options", "_CpuOptions", typeof(CpuOptionsStruct))]
    [TestCase("sequor_cuda_options", "_CudaOptions", typeof(CudaOptionsStruct))]
    [TestCase("sequor_plan_options", "_PlanOptions", typeof(PlanOptionsStruct))]
    public void Structs_have_the_same_fields(string name, string python, Type ours)
    {
        string body = Regex
            .Match(Header, $@"typedef struct {name} \{{(.*?)\}} {name};", RegexOptions.Singleline)
            .Groups[1]
            .Value;
        string[] declared =
        [
            .. Field()
                .Matches(Comment().Replace(body, ""))
                .Select(m => $"{TypeOf(m.Groups[1].Value.Trim())} {m.Groups[2].Value}"),
        ];
        string[] fields = [.. ours.GetFields().Select(f => $"{f.FieldType.Name} {Snake(f.Name)}")];
        Assert.That(declared, Is.EqualTo(fields));
        string text = Regex
            .Match(Python, $@"class {python}\(.*?_fields_ = \[(.*?)\]\n", RegexOptions.Singleline)
            .Groups[1]
            .Value;
        Assert.That(
            Regex.Matches(text, "\"(\\w+)\"").Select(m => m.Groups[1].Value),
            Is.EqualTo(ours.GetFields().Select(f => Snake(f.Name)))
        );
    }

    [Test]
    public void Python_declares_the_same_parameters()
    {
        string table = Regex
            .Match(Python, @"_FUNCTIONS = \{(.*?)\n\}", RegexOptions.Singleline)
            .Groups[1]
            .Value;
        Dictionary<string, string> python = Regex
            .Matches(table, "\"(sequor_\\w+)\": \"(\\w*)\"")
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Dictionary<string, string> declared = Declarations()
            .Where(d => d.Result == "sequor_status")
            .ToDictionary(d => d.Name, d => string.Concat(d.Parameters.Select(Letter)));
        Assert.That(python, Is.EquivalentTo(declared));
    }

    private static string Letter((string Type, string Name) parameter) =>
        parameter.Type switch
        {
            "const char *" => "s",
            "char *" => "b",
            "uint64_t" => "u",
            { } type when IsHandle(type) => type.EndsWith('*') ? "H" : "h",
            { } type => Letters[TypeOf(type)],
        };

    private static bool IsHandle(string type) =>
        Handles.Any(handle => type.TrimEnd(' ', '*') == $"sequor_{handle}");

    private static IEnumerable<(
        string Result,
        string Name,
        (string Type, string Name)[] Parameters
    )> Declarations() =>
        Prototype()
            .Matches(Comment().Replace(Header, ""))
            .Select(m =>
                (
                    m.Groups[1].Value.Trim(),
                    m.Groups[2].Value,
                    Parameters(m.Groups[3].Value).ToArray()
                )
            );

    private static IEnumerable<(string Type, string Name)> Parameters(string text)
    {
        if (text.Trim() == "void")
            yield break;
        foreach (string parameter in text.Split(','))
        {
            Match m = Parameter().Match(Spaces().Replace(parameter, " ").Trim());
            yield return (m.Groups[1].Value.Trim(), m.Groups[2].Value);
        }
    }

    private static string TypeOf(string type)
    {
        if (Types.TryGetValue(type, out string? known))
            return known;
        Assert.That(IsHandle(type), $"a type that is not known: {type}");
        return type.EndsWith('*') ? "UInt64*" : "UInt64";
    }

    private static string Snake(string name) =>
        Regex.Replace(name, "(?<=[a-z])([A-Z])", "_$1").ToLowerInvariant();

    private static string Resource(string name)
    {
        using Stream stream = typeof(HeaderTests).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(
        @"^(sequor_status|uint32_t|int64_t|const char \*)\s*(sequor_\w+)\(([^;{]*)\);",
        RegexOptions.Multiline
    )]
    private static partial Regex Prototype();

    [GeneratedRegex(@"^(.*?)(\w+)$")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"^\s*([\w ]+[ *]+)(\w+);", RegexOptions.Multiline)]
    private static partial Regex Field();

    [GeneratedRegex(@"^\s+(SEQUOR_(?:OK|ERROR_\w+)) = (\d+)", RegexOptions.Multiline)]
    private static partial Regex StatusLine();
}
