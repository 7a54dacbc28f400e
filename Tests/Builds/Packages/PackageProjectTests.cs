using System.Buffers.Binary;
using System.CommandLine;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using Sequor.Notices;
using Sequor.Tests.Support;
using Sequor.Tool;

namespace Sequor.Tests.Builds.Packages;

/// <summary>What every package needs, asked of the sources: a page, tags, an icon, notices, and nothing of NVIDIA's.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed partial class PackageProjectTests
{
    private static string Read(string path) =>
        File.ReadAllText(Path.Combine(Repository.Root(), path)).ReplaceLineEndings("\n");

    private static XDocument Properties => XDocument.Parse(Read("Directory.Build.props"));

    [Test]
    public void Libraries_and_the_tool_are_packed() =>
        Assert.That(
            PackageProject.All().Select(project => project.Id),
            Is.SupersetOf(
                new[]
                {
                    "Sequor.Native",
                    "Sequor.Interop",
                    "Sequor.Layers",
                    "Sequor.Workloads",
                    "Sequor.BenchmarkDotNet",
                    "sequor",
                }
            )
        );

    [Test]
    public void Each_says_what_it_is()
    {
        foreach (PackageProject project in PackageProject.All())
        {
            Assert.That(project.Description, Has.Length.InRange(40, 400), project.Id);
            Assert.That(project.Description, Does.EndWith("."), project.Id);
            string[] tags = project.Tags?.Split(';') ?? [];
            Assert.That(tags, Has.Length.AtLeast(3), project.Id);
            Assert.That(tags, Is.Unique.And.All.Match("^[a-z0-9-]+$"), project.Id);
            // One package of these sources in another would be packed twice, or not at all.
            Assert.That(
                project.IsTool ? [] : project.Projects.Select(p => p.Id),
                Is.SubsetOf(PackageProject.All().Select(p => p.Id)),
                project.Id
            );
        }
        string? Text(string name) => Properties.Descendants(name).Single().Value;
        Assert.That(Text("PackageLicenseExpression"), Is.EqualTo("MIT"));
        Assert.That(Text("RepositoryUrl"), Does.Match(@"^https://github\.com/[a-z]+/[a-z]+$"));
    }

    [Test]
    public void Each_has_a_page_with_two_lines_to_paste()
    {
        foreach (PackageProject project in PackageProject.All())
        {
            string path = Path.Combine(project.Folder, "PACKAGE.md");
            Assert.That(path, Does.Exist);
            string page = File.ReadAllText(path).ReplaceLineEndings("\n");
            Assert.That(page, Does.StartWith($"# {project.Id}\n"));
            string install = project.IsTool
                ? $"dotnet tool install --global {project.Id} --prerelease --add-source FOLDER\n"
                : $"dotnet nuget add source FOLDER --name sequor\ndotnet add package {project.Id} --prerelease\n";
            Assert.That(page, Does.Contain($"```\n{install}"));
            Assert.That(page, Does.Contain(".NET 10").And.Contain("MIT licence"));
            // DocumentTests, or the package's own tests, compile it.
            Assert.That(
                page.Contains("```csharp", StringComparison.Ordinal),
                Is.Not.EqualTo(project.IsTool)
            );
            // Beside a package there are no other files.
            Assert.That(
                Link().Matches(page).Select(match => match.Groups[1].Value),
                Has.All.StartsWith("https://"),
                path
            );
            Assert.That(
                project.HasNotices,
                Is.EqualTo(page.Contains(PackageProject.Notices, StringComparison.Ordinal)),
                $"{path} tells of notices, or there are none"
            );
        }
    }

    [Test]
    public void The_tool_takes_what_its_page_shows()
    {
        string[] shown =
        [
            .. Read("Benchmarks/Tool/PACKAGE.md")
                .Split('\n')
                .Where(line => line.StartsWith("sequor ", StringComparison.Ordinal)),
        ];
        Assert.That(shown, Has.Length.AtLeast(3));
        foreach (string line in shown)
            Assert.That(Cli.CreateRoot().Parse(line.Split(' ')[1..]).Errors, Is.Empty, line);
    }

    [Test]
    public void The_icon_is_a_small_square()
    {
        byte[] icon = File.ReadAllBytes(Path.Combine(Repository.Root(), "docs", "icon.png"));
        Assert.That(icon, Has.Length.LessThan(10_000));
        Assert.That(icon[1..4], Is.EqualTo("PNG"u8.ToArray()));
        Assert.That(BinaryPrimitives.ReadInt32BigEndian(icon.AsSpan(16)), Is.EqualTo(128));
        Assert.That(BinaryPrimitives.ReadInt32BigEndian(icon.AsSpan(20)), Is.EqualTo(128));
    }

    [Test]
    public void Charts_are_covered_by_the_notices_of_their_package()
    {
        var text = new NoticeText();
        text.Add(
            "uPlot 1.6.32",
            [Path.Combine(Repository.Root(), "Benchmarks/Workloads/Charts/uPlot/LICENSE")]
        );
        Assert.That(
            Read("Benchmarks/Workloads/Charts/uPlot/uPlot.txt"),
            Does.StartWith("uPlot 1.6.32\n")
        );
        RequireNotices("Benchmarks/Workloads/THIRD-PARTY-NOTICES.txt", text);
    }

    // What lies beside the built tool is what is packed.
    [Test]
    public void Libraries_of_others_in_the_tool_are_covered_by_its_notices()
    {
        string programs = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../.."));
        string objects = Path.GetFullPath(Path.Combine(programs, "../obj"));
        if (!File.Exists(Path.Combine(objects, "Sequor.Tool", "project.assets.json")))
            Assert.Ignore("the packages are where the tool was built, and the tests run elsewhere");
        DirectoryInfo copy = Directory.CreateTempSubdirectory("sequor-tests-");
        try
        {
            string tool = copy.CreateSubdirectory("Sequor.Tool").FullName;
            string configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/', '\\'));
            foreach (
                string file in Directory.GetFiles(
                    Path.Combine(programs, "Sequor.Tool", configuration),
                    "*.dll"
                )
            )
                File.Copy(file, Path.Combine(tool, Path.GetFileName(file)));
            var text = new NoticeText();
            foreach (Package package in Programs.Packages(copy.FullName, objects))
                text.Add(package);
            text.Add(
                "uPlot 1.6.32",
                [Path.Combine(Repository.Root(), "Benchmarks/Workloads/Charts/uPlot/LICENSE")]
            );
            RequireNotices("Benchmarks/Tool/THIRD-PARTY-NOTICES.txt", text);
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    [Test]
    public void No_file_of_the_sources_is_nvidias()
    {
        string root = Repository.Root();
        string[] found =
        [
            .. Directory
                .EnumerateFiles(root, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
                .Where(file => !OfBuilds().IsMatch(file) && OfNvidia().IsMatch(file)),
        ];
        Assert.That(found, Is.Empty);
    }

    [TestCase("Native/libcudnn.so.9", true)]
    [TestCase("Native/runtimes/win-x64/native/cublas64_12.dll", true)]
    [TestCase("a/cuda.h", true)]
    [TestCase("Native/CuDnn/CuDnn.g.cs", false)]
    public void A_file_of_nvidias_is_told_by_its_name(string file, bool isTheirs) =>
        Assert.That(OfNvidia().IsMatch(file), Is.EqualTo(isTheirs));

    private static void RequireNotices(string path, NoticeText text)
    {
        string wanted = text.ToString();
        string full = Path.Combine(Repository.Root(), path);
        if (File.Exists(full) && Read(path) == wanted)
            return;
        string written = Path.Combine(Path.GetTempPath(), $"sequor-notices-{Guid.NewGuid():N}.txt");
        File.WriteAllText(written, wanted);
        Assert.Fail($"{path} is not what the packages say; {written} is what it should be");
    }

    [GeneratedRegex(@"\]\(([^)]*)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(^|/)(\.git|artifacts|bin|obj)(/|$)")]
    private static partial Regex OfBuilds();

    [GeneratedRegex(
        @"(^|/)((lib)?(cuda|cudart|cudnn|cublas|cublasLt|nvrtc|nvml|nvinfer|nvToolsExt)[^/]*\.(so(\.\d+)*|dll|lib|a|dylib)|(cuda|cudnn|cublas|nvml|nvrtc|nvToolsExt)[^/]*\.(h|hpp))$",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex OfNvidia();
}
