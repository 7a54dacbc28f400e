using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Workloads;

namespace Sequor.Tests.Examples;

/// <summary>The code that documents show is compiled and run, and the names in their texts are names of the library.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed partial class DocumentTests
{
    private const string Documents = "documents/";
    private const string ExampleFiles = "examples/";

    // What an example takes as an argument, and a document shows as a reader would write it.
    private static readonly Dictionary<string, (string Code, string Shown)[]> Arguments = new()
    {
        ["TrainingLoop.cs"] =
        [
            ("Backend.Create(device)", "Backend.Create(Device.Cpu)"),
            ("maxLength: length, maxBatch: size", "maxLength: 600, maxBatch: 32"),
            ("new AddingProblem(length)", "new AddingProblem(600)"),
            ("new SequenceBatch(task, size)", "new SequenceBatch(task, 32)"),
            ("i * (long)size, size", "i * 32L, 32"),
            ("i < steps", "i < 1000"),
        ],
        // Beyond this assembly it is not internal as well.
        ["WritingALayer.cs"] = [("protected internal override", "protected override")],
        ["TrainingByEpochs.cs"] =
        [
            ("count: sequences)", "count: 5000)"),
            ("File.Exists(path)", "File.Exists(\"gru.safetensors\")"),
            ("Resume(path)", "Resume(\"gru.safetensors\")"),
            ("Save(path,", "Save(\"gru.safetensors\","),
        ],
        ["ProductOnBuffers.cs"] = [("libraries.Device()", "CudaLibraries.Shared.Device()")],
<<<<<<< HEAD
        ["GettingStarted.cs"] =
        [
            ("Backend.Create(device)", "Backend.Create()"),
            ("count: sequences)", "count: 5000)"),
            ("count: held)", "count: 500)"),
            ("Epochs = epochs", "Epochs = 4"),
            ("Save(path)", "Save(\"adding.safetensors\")"),
        ],
=======
        ["PlanOnManagedCuda.cs"] = [("ToSequor(libraries)", "ToSequor()")],
        ["KernelForManagedCuda.cs"] = [("ToSequor(libraries)", "ToSequor()")],
>>>>>>> w/interop
        ["FoundLibraries.cs"] = [("NativeLibraries.Load(options)", "NativeLibraries.Load()")],
        ["VersionOfTheDriver.cs"] = [("NativeLibraries.Load(options)", "NativeLibraries.Load()")],
        ["ProductOrReason.cs"] = [("libraries = shared", "libraries = CudaLibraries.Shared")],
    };

    // Names of others, and words that only look like names of code.
    private static readonly HashSet<string> Foreign =
    [
        "COMPlus_",
        "NativeAOT",
        // An assembly that has tests of its own, which this program does not know.
        "Sequor.BenchmarkDotNet",
<<<<<<< HEAD
        "Jenkinsfile",
=======
        // A package that is built only where ManagedCuda can be had.
        "Sequor.ManagedCuda",
        "Theirs.CudaStream",
>>>>>>> w/interop
    ];

    private static readonly Assembly[] Assemblies =
    [
        typeof(Backend).Assembly,
        typeof(CudaContext).Assembly,
        typeof(NativeLibraries).Assembly,
        typeof(Workload).Assembly,
        typeof(Sequor.Tool.Cli).Assembly,
        typeof(DocumentTests).Assembly,
        typeof(Sequor.Outside.LeakySum).Assembly,
        typeof(FromManagedCuda).Assembly,
        typeof(ManagedCuda.PrimaryContext).Assembly,
        typeof(Sequor.VirtualGpu.VirtualDevice).Assembly,
    ];

    private static readonly ILookup<string, Type> Types = Assemblies
        .SelectMany(assembly => assembly.GetTypes())
        .ToLookup(type => type.Name.Split('`')[0]);

    // Of the test programs that reference this one, and those programs.
    private static readonly HashSet<string> Fixtures =
    [
        .. Names("fixtures/").Select(name => name["fixtures/".Length..]),
    ];

    private static readonly HashSet<string> Members =
    [
        .. Types.SelectMany(t => t).SelectMany(NamesOf),
    ];

    private static IEnumerable<string> Names(string beginning) =>
        typeof(DocumentTests)
            .Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(beginning, StringComparison.Ordinal));

    private static IEnumerable<string> AllDocuments() => Names(Documents);

    [Test]
    public void Every_sample_of_code_is_an_example_that_runs()
    {
        Dictionary<string, string> examples = Names(ExampleFiles)
            .ToDictionary(name => name[ExampleFiles.Length..], Shown);
        var shown = new HashSet<string>();
        foreach (string document in AllDocuments())
        {
            foreach (Match block in Block().Matches(Resource(document)))
            {
                string code = Usings().Replace(block.Groups[1].Value, "").Trim('\n');
                if (Api.TypeExampleTests.Runs(code))
                    continue;
                string? example = examples.FirstOrDefault(e => e.Value == code).Key;
                Assert.That(example, Is.Not.Null, $"{document} shows other code:\n{code}");
                shown.Add(example!);
            }
        }
        Assert.That(shown, Is.EquivalentTo(examples.Keys));
    }

    [TestCaseSource(nameof(AllDocuments))]
    public void Names_in_texts_are_names_of_the_library(string document)
    {
        string text = Fence().Replace(Resource(document), "");
        // Its tables tell what names were before.
        if (document.EndsWith("CHANGELOG.md", StringComparison.Ordinal))
            text = FirstCell().Replace(text, "|");
        string[] unknown =
        [
            .. Code()
                .Matches(text)
                .Select(match => match.Groups[1].Value)
                .Where(name => Identifier().IsMatch(name) && !IsKnown(name))
                .Distinct(),
        ];
        Assert.That(unknown, Is.Empty);
    }

    private static bool IsKnown(string name)
    {
        string[] parts = name.Split('(', '<')[0].Split('.');
        if (
            Foreign.Contains(name)
            || Fixtures.Contains(parts.Length == 1 ? parts[0] : name)
            || name.StartsWith("System.", StringComparison.Ordinal)
        )
            return true;
        // An exception of .NET.
        if (Type.GetType($"System.{parts[0]}") is not null)
            return true;
        return parts.Length == 1
            ? Types.Contains(parts[0]) || Members.Contains(parts[0]) || IsNamespace(name)
            : IsNamespace(name) || Types[parts[0]].Any(type => NamesOf(type).Contains(parts[1]));
    }

    private static bool IsNamespace(string name) =>
        Types
            .SelectMany(t => t)
            .Any(type =>
                type.Namespace is { } space
                && (space == name || space.EndsWith("." + name, StringComparison.Ordinal))
            ) || Assemblies.Any(assembly => assembly.GetName().Name == name);

    private static IEnumerable<string> NamesOf(Type type) =>
        type.GetMembers(
                BindingFlags.Public
                    | BindingFlags.NonPublic
                    | BindingFlags.Instance
                    | BindingFlags.Static
                    | BindingFlags.FlattenHierarchy
            )
            .Select(member => member.Name);

    /// <summary>What stands between an example's marks, as documents show it.</summary>
    private static string Shown(string resource)
    {
        string name = resource[ExampleFiles.Length..];
        string[] parts = Resource(resource).Split("        // Shown\n");
        Assert.That(parts, Has.Length.EqualTo(3), $"{name} has two marks");
        string code = string.Join(
            '\n',
            parts[1].TrimEnd('\n').Split('\n').Select(line => line.Length > 8 ? line[8..] : "")
        );
        foreach ((string argument, string shown) in Arguments.GetValueOrDefault(name) ?? [])
        {
            Assert.That(code, Does.Contain(argument), name);
            code = code.Replace(argument, shown, StringComparison.Ordinal);
        }
        return code;
    }

    private static string Resource(string name)
    {
        using Stream stream = typeof(DocumentTests).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    [GeneratedRegex(@"^\|[^|]*\|", RegexOptions.Multiline)]
    private static partial Regex FirstCell();

    [GeneratedRegex("```csharp\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex("```.*?\n```", RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("(?m)^using [A-Za-z.]+;\n")]
    private static partial Regex Usings();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Code();

    // As Plan.SetInput, Step(clip) or StepGraph; with a small letter, or it would be an abbreviation.
    [GeneratedRegex(@"^[A-Z]+[a-z]\w*(?:\.[A-Z]\w*)*(?:\(.*\)|<\w+>)?$")]
    private static partial Regex Identifier();
}
