using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Builds;

/// <summary>
/// What a program without a compiler at hand cannot do: no source of the command or of what it stands on finds types while it
/// runs, and generated serializers know every type of the reports.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed partial class GeneratedJsonTests
{
    private static readonly string[] Folders =
    [
        "Native",
        "Interop",
        "Layers",
        "Benchmarks/Workloads",
        "Benchmarks/Tool",
    ];

    private static IEnumerable<Type> Reports =>
        typeof(ReportWriter)
            .GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Where(method => method.Name == nameof(ReportWriter.ToUtf8))
            .Select(method => method.GetParameters().Single().ParameterType);

    [Test]
    public void Generated_serializers_know_every_type_of_every_report()
    {
        Type[] reports = [.. Reports];
        Assert.That(reports, Has.Length.AtLeast(9));
        var seen = new HashSet<Type>();
        foreach (Type report in reports)
            Add(report, seen);
        Assert.That(seen, Has.Count.AtLeast(50));
        Assert.Multiple(() =>
        {
            foreach (Type type in seen)
                Assert.That(ReportJson.Default.GetTypeInfo(type), Is.Not.Null, $"{type}");
        });
    }

    // The handlers that write reports are all that is kept of what is generated for them.
    [Test]
    public void Every_report_is_written_as_reflection_writes_it([Values] bool least)
    {
        MethodInfo[] writers =
        [
            .. typeof(ReportWriter)
                .GetMethods(BindingFlags.Public | BindingFlags.Static)
                .Where(method => method.Name == nameof(ReportWriter.ToUtf8)),
        ];
        Assert.That(writers, Has.Length.AtLeast(9));
        var reflection = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        };
        Assert.Multiple(() =>
        {
            foreach (MethodInfo writer in writers)
            {
                Type type = writer.GetParameters().Single().ParameterType;
                object report = FilledObject.Of(type, least);
                JsonNode? written = JsonNode.Parse((byte[])writer.Invoke(null, [report])!);
                JsonNode? expected = JsonSerializer.SerializeToNode(report, type, reflection);
                Assert.That(
                    JsonNode.DeepEquals(written, expected),
                    Is.True,
                    $"{type}: {written}\n{expected}"
                );
            }
        });
    }

    // The linker's file takes out what ReportJson.Default would need.
    [Test]
    public void Nothing_but_tests_asks_for_what_the_published_program_leaves_out() =>
        Assert.That(
            Sources()
                .Where(file => LeftOut().IsMatch(File.ReadAllText(file)))
                .Select(Path.GetFileName),
            Is.Empty
        );

    // Whoever publishes a program of their own with these packages is told by it that they may.
    [Test]
    public void Packages_say_that_they_can_be_trimmed_and_compiled_ahead_of_time()
    {
        foreach (
            Type type in (Type[])
                [
                    typeof(Sequor.Native.NativeLibraries),
                    typeof(CudaContext),
                    typeof(Layer),
                    typeof(ReportWriter),
                ]
        )
            Assert.That(
                type.Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
                    .Select(data => (data.Key, data.Value)),
                Is.SupersetOf(new[] { ("IsTrimmable", "True"), ("IsAotCompatible", "True") }),
                type.Assembly.GetName().Name
            );
    }

    [Test]
    public void No_source_serializes_or_makes_objects_by_reflection()
    {
        string root = Repository.Root();
        string[] files = [.. Sources()];
        Assert.That(files, Has.Length.AtLeast(400));
        string[] wrong =
        [
            .. files.SelectMany(file =>
                Reflective(File.ReadAllText(file))
                    .Select(text => $"{Path.GetRelativePath(root, file)}: {text}")
            ),
        ];
        Assert.That(
            wrong,
            Is.Empty,
            $"a published program cannot do this:\n{string.Join('\n', wrong)}\n"
        );
    }

    [TestCase("JsonSerializer.Serialize(a, B.Default.C)", 0)]
    [TestCase("JsonSerializer.SerializeToUtf8Bytes(\n    a.B(c),\n    B.Default.C\n)", 0)]
    [TestCase("JsonSerializer.Deserialize(a, B.Default.C)", 0)]
    [TestCase("JsonSerializer.Serialize(a, KeptTypeInfo)", 0)]
    [TestCase("JsonSerializer.Deserialize(a, (JsonTypeInfo<T>)b.GetTypeInfo(typeof(T)))", 0)]
    [TestCase("JsonSerializer.Serialize(a)", 1)]
    [TestCase("JsonSerializer.Serialize(a.B(c)), D.Default.E", 1)]
    [TestCase("JsonSerializer.Deserialize<A>(b, Options)", 1)]
    [TestCase("await JsonSerializer.SerializeAsync(a, b)", 1)]
    [TestCase("Activator.CreateInstance(type)", 1)]
    [TestCase("typeof(A).Assembly.GetTypes()", 1)]
    [TestCase("typeof(A).MakeGenericType(type)", 1)]
    [TestCase("Assembly.Load(name)", 1)]
    public void Reflection_is_told_from_what_is_generated(string source, int found) =>
        Assert.That(Reflective(source).Count(), Is.EqualTo(found));

    private static IEnumerable<string> Sources()
    {
        string root = Repository.Root();
        return Folders
            .SelectMany(folder =>
                Directory.EnumerateFiles(
                    Path.Combine(root, folder),
                    "*.cs",
                    SearchOption.AllDirectories
                )
            )
            .Where(file =>
                !Path.GetRelativePath(root, file)
                    .Split('/', '\\')
                    .Intersect(["artifacts", "bin", "obj", "Generator"])
                    .Any()
            );
    }

    private static IEnumerable<string> Reflective(string source)
    {
        foreach (Match call in Call().Matches(source))
        {
            string arguments = Arguments(source, call.Index + call.Length);
            if (!Generated().IsMatch(arguments))
                yield return call.Value + arguments;
        }
        foreach (Match call in Reflection().Matches(source))
            yield return call.Value;
    }

    // Up to the bracket that closes the one before.
    private static string Arguments(string source, int from)
    {
        int open = 1;
        int at = from;
        for (; at < source.Length && open > 0; at++)
            open +=
                source[at] == '(' ? 1
                : source[at] == ')' ? -1
                : 0;
        return source[from..at];
    }

    private static void Add(Type type, HashSet<Type> seen)
    {
        // A text in JSON, whatever it is made of.
        if (type == typeof(ReadOnlyMemory<byte>))
        {
            seen.Add(type);
            return;
        }
        if (
            !seen.Add(type)
            || type.Namespace?.StartsWith("Sequor", StringComparison.Ordinal) != true
        )
        {
            foreach (Type argument in type.GetGenericArguments())
                Add(argument, seen);
            return;
        }
        foreach (
            PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        )
        {
            if (
                property.GetCustomAttribute<JsonIgnoreAttribute>()?.Condition
                is not JsonIgnoreCondition.Always
            )
                Add(property.PropertyType, seen);
        }
    }

    [GeneratedRegex(@"JsonSerializer\s*\.\s*(Des|S)erialize\w*\s*(<[^(]*>)?\s*\(")]
    private static partial Regex Call();

    [GeneratedRegex(@"\bReportJson\.Default\.")]
    private static partial Regex LeftOut();

    // A property of a generated context, or a type's information that options with one gave.
    [GeneratedRegex(@"(\.Default\.\w+|TypeInfo(\(typeof\(\w+\)\))?)\s*\)$")]
    private static partial Regex Generated();

    [GeneratedRegex(
        @"\bActivator\.CreateInstance\b|\.GetTypes\(\)|\.MakeGeneric(Type|Method)\(|\bAssembly\.Load\w*\(|\bType\.GetType\("
    )]
    private static partial Regex Reflection();
}
