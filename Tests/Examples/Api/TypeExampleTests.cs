using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Examples.Api;

/// <summary>
/// The types that people meet first have an example in their documentation, word for word one of the examples that run here.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed partial class TypeExampleTests
{
    private const string Prefix = "type-examples/";

    private static readonly Type[] FirstMet =
    [
        // What a model is of.
        typeof(Sequential),
        typeof(Rnn),
        typeof(Lstm),
        typeof(Gru),
        typeof(Tcn),
        typeof(Lru),
        typeof(Linear),
        typeof(Embedding),
        typeof(Dropout),
        typeof(Last),
        typeof(Residual),
        // What trains it.
        typeof(Plan),
        typeof(PlanOptions),
        typeof(MeanSquaredError),
        typeof(SoftmaxCrossEntropy),
        typeof(Adam),
        typeof(AdamW),
        typeof(StepGraph),
        typeof(Trainer),
        typeof(Dataset),
        // What it runs on, is kept in and is looked at with.
        typeof(Backend),
        typeof(Device),
        typeof(Tensor),
        typeof(TorchWeights),
        typeof(Profile),
        // What a GPU's objects are.
        typeof(CudaBackend),
        typeof(CudaContext),
        typeof(CudaStream),
        typeof(DeviceBuffer<>),
        typeof(CudaLibraries),
    ];

    private static readonly Dictionary<string, string> Shown = Examples();

    private static readonly Dictionary<string, XElement> Documented = new[]
    {
        typeof(Backend).Assembly,
        typeof(CudaContext).Assembly,
    }
        .SelectMany(Members)
        .ToDictionary(member => member.Attribute("name")!.Value);

    /// <summary>Whether some code is an example that runs here.</summary>
    internal static bool Runs(string code) => Shown.ContainsValue(code);

    private static IEnumerable<TestCaseData> Types() =>
        FirstMet.Select(type => new TestCaseData(type).SetArgDisplayNames(NameOf(type)));

    [Test]
    public void Thirty_types_have_an_example() =>
        Assert.That(FirstMet.Distinct().ToArray(), Has.Length.EqualTo(30));

    [TestCaseSource(nameof(Types))]
    public void The_documented_example_is_one_that_runs(Type type)
    {
        string name = NameOf(type);
        Assert.That(Shown, Does.ContainKey(name), "no example of it runs");
        XElement[] codes =
        [
            .. Documented[$"T:{type.FullName}"].Elements("example").Elements("code"),
        ];
        Assert.That(codes, Has.Length.EqualTo(1), $"its documentation should have:\n{Shown[name]}");
        Assert.That(Code(codes[0]), Is.EqualTo(Shown[name]));
    }

    [Test]
    public void An_example_of_any_other_type_runs_too()
    {
        string[] unknown =
        [
            .. Documented
                .Where(member => member.Value.Elements("example").Any())
                // A constructor beside the name has the type's documentation.
                .Where(member =>
                    !FirstMet.Any(type =>
                        member.Key == $"T:{type.FullName}"
                        || member.Key.StartsWith(
                            $"M:{type.FullName}.#ctor(",
                            StringComparison.Ordinal
                        )
                    )
                )
                .Select(member => member.Key),
        ];
        Assert.That(unknown, Is.Empty, "they belong on the list here, with an example that runs");
    }

    [Test]
    public void The_page_of_the_api_lists_them()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root(), "docs", "site", "api.md"));
        string list = page[page.IndexOf("\n| for |", StringComparison.Ordinal)..];
        Assert.That(
            Uid().Matches(list).Select(match => match.Groups[1].Value),
            Is.EquivalentTo(FirstMet.Select(type => type.FullName))
        );
    }

    [Test]
    public void Every_example_is_shown() =>
        Assert.That(Shown.Keys, Is.EquivalentTo(FirstMet.Select(NameOf)));

    private static string NameOf(Type type) => type.Name.Split('`')[0];

    private static IEnumerable<XElement> Members(Assembly assembly)
    {
        string path = Path.ChangeExtension(assembly.Location, ".xml");
        return XDocument.Load(path, LoadOptions.PreserveWhitespace).Descendants("member");
    }

    // The compiler keeps the indentation of comments.
    private static string Code(XElement code)
    {
        string[] lines = code.Value.ReplaceLineEndings("\n").Trim('\n').TrimEnd().Split('\n');
        int indent = lines
            .Where(line => line.Trim().Length > 0)
            .Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : ""));
    }

    /// <summary>What stands between the marks of the files here, by the type that it is an example of.</summary>
    private static Dictionary<string, string> Examples()
    {
        var examples = new Dictionary<string, string>();
        Assembly assembly = typeof(TypeExampleTests).Assembly;
        foreach (
            string resource in assembly
                .GetManifestResourceNames()
                .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        )
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            foreach (Match match in Marks().Matches(reader.ReadToEnd().ReplaceLineEndings("\n")))
            {
                int indent = match.Groups[1].Length;
                examples.Add(
                    match.Groups[2].Value,
                    string.Join(
                        '\n',
                        match
                            .Groups[3]
                            .Value.TrimEnd('\n')
                            .Split('\n')
                            .Select(line => line.Length > indent ? line[indent..] : "")
                    )
                );
            }
        }
        return examples;
    }

    [GeneratedRegex(@"\(xref:([^)]+)\)")]
    private static partial Regex Uid();

    [GeneratedRegex(
        @"^( *)// Shown: (\w+)\n(.*?)^\1// Shown$",
        RegexOptions.Multiline | RegexOptions.Singleline
    )]
    private static partial Regex Marks();
}
