using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds.Packages;

/// <summary>A stranger takes the packages: an empty folder, a feed, what their pages and the README show, and what goes wrong.</summary>
[TestFixture]
[Category("Long")]
[Platform("Linux")]
public sealed partial class PackageUseTests : FolderTest
{
    private static PackedFeed Feed => PackedFeed.Shared;

    private static string Version => PackedFeed.VersionOf(Feed.First);

    private static string NextVersion => PackedFeed.VersionOf(Feed.Next);

    [Test]
    public void What_the_readme_shows_trains()
    {
        string[] blocks = Blocks(File.ReadAllText(Path.Combine(Feed.Clone, "README.md")));
        string program = blocks.First(block => block.Contains("new StepGraph"));
        // As shown, but smaller.
        Assert.That(
            program,
            Does.Contain("600").And.Contain("i < 1000").And.Contain("% 100 == 99")
        );
        NewProject(Feed.First);
        Feed.Dotnet.Succeed(Folder, "add", "package", "Sequor.Layers", "--prerelease");
        Feed.Dotnet.Succeed(Folder, "add", "package", "Sequor.Workloads", "--prerelease");
        Write("Program.cs", program.Replace("600", "40").Replace("i < 1000", "i < 100"));
        Assert.That(
            Feed.Dotnet.Succeed(Folder, "run", "-c", "Release"),
            Does.Match(@"(?m)^step 100: 0\.\d+$")
        );
        Assert.That(
            File.ReadAllText(PathOf("app.csproj")),
            Does.Contain($"\"Sequor.Layers\" Version=\"{Version}\"")
        );
    }

    [TestCase("Sequor.Native", @"(ready|[A-Za-z]+: .+)")]
    [TestCase("Sequor.Interop", "(14 32 32 77|no GPU can be used: .+)")]
    [TestCase("Sequor.Layers", @"step 300: 0\.\d+")]
    [TestCase("Sequor.Workloads", @"mean squared error 0\.\d+")]
    public void What_a_package_shows_runs(string id, string line)
    {
        NewProject(Feed.First);
        Feed.Dotnet.Succeed(Folder, "add", "package", id, "--prerelease");
        Write("Program.cs", Shown(id));
        Assert.That(
            Feed.Dotnet.Succeed(Folder, "run", "-c", "Release", "-p:AllowUnsafeBlocks=true"),
            Does.Match($"(?m)^{line}$")
        );
    }

    // A run of its benchmark takes minutes; the tests of Sequor.BenchmarkDotNet have one.
    [Test]
    public void What_the_diagnoser_shows_is_compiled()
    {
        NewProject(Feed.First);
        Feed.Dotnet.Succeed(Folder, "add", "package", "Sequor.BenchmarkDotNet", "--prerelease");
        Write("Program.cs", Shown("Sequor.BenchmarkDotNet"));
        Feed.Dotnet.Succeed(Folder, "build", "-c", "Release");
    }

    [Test]
    public void The_tool_is_installed_used_and_removed()
    {
        WriteConfiguration(Feed.First);
        string tools = PathOf("tools");
        Feed.Dotnet.Succeed(
            Folder,
            "tool",
            "install",
            "sequor",
            "--tool-path",
            tools,
            "--prerelease"
        );
        string sequor = Path.Combine(tools, "sequor");
        Assert.That(
            Succeed(sequor, "--version").Trim(),
            Is.EqualTo($"{Version}+{Feed.Commit}"),
            "the package's version and the commit"
        );
        string[] tiny = ["--arch", "rnn", "--length", "8", "--batch", "2", "--params", "300"];
        Assert.That(
            Succeed(sequor, ["bench", .. tiny, "--steps", "3", "--device", "cpu"]),
            Does.Contain("One training step").And.Contain(Version)
        );
        Assert.That(Succeed(sequor, "doctor"), Does.Contain(Version));
        Feed.Dotnet.Succeed(Folder, "tool", "uninstall", "sequor", "--tool-path", tools);
        Assert.That(File.Exists(sequor), Is.False);
    }

    [Test]
    public void An_older_framework_is_told_at_once()
    {
        NewProject(Feed.First, "net8.0", ("Sequor.Layers", Version));
        Ended ended = Feed.Dotnet.Run(Folder, "build");
        Assert.That(ended.ExitCode, Is.Not.Zero);
        Assert.That(
            ended.Text,
            Does.Match(
                "error NU1202: Package Sequor.Layers .* is not compatible with net8.0 .*supports: net10.0"
            )
        );
    }

    [Test]
    public void Packages_of_different_versions_are_told_at_once()
    {
        // A later one than the other package was made with: NuGet only warns.
        NewProject(
            Feed.First,
            "net10.0",
            ("Sequor.Layers", Version),
            ("Sequor.Interop", NextVersion)
        );
        WriteConfiguration(Feed.First, Feed.Next);
        Ended ended = Feed.Dotnet.Run(Folder, "build");
        Assert.That(ended.ExitCode, Is.Not.Zero);
        Assert.That(
            ended.Text,
            Does.Contain("error SEQUOR0001: These packages of Sequor are of different versions")
                .And.Contain($"Sequor.Layers {Version}")
                .And.Contain($"Sequor.Interop {NextVersion}")
                .And.Contain("Reference all of them in one version.")
                .And.Contain("NU1608")
        );

        // An earlier one, and two that each want another.
        NewProject(
            Feed.First,
            "net10.0",
            ("Sequor.Layers", NextVersion),
            ("Sequor.Interop", Version)
        );
        WriteConfiguration(Feed.First, Feed.Next);
        ended = Feed.Dotnet.Run(Folder, "build");
        Assert.That(ended.ExitCode, Is.Not.Zero);
        Assert.That(ended.Text, Does.Contain("error NU1605"));
    }

    // As by a button of an editor: what it would pack was not built for it.
    [Test]
    public void Packing_in_another_way_is_refused()
    {
        Ended ended = Feed.Dotnet.Run(
            Feed.Clone,
            "msbuild",
            Path.Combine("Native", "Sequor.Native.csproj"),
            "-t:Pack",
            "-tl:off"
        );
        Assert.That(ended.ExitCode, Is.Not.Zero);
        Assert.That(ended.Text, Does.Contain("error : Packages are made by dotnet pack"));
    }

    [Test]
    public void A_release_keeps_what_was_public()
    {
        string clone = Feed.OtherClone;
        string source = Path.Combine(clone, "Native", "Diagnosis", "CudaDiagnosis.cs");
        string text = File.ReadAllText(source);
        Assert.That(text, Does.Contain("public bool Available"));
        string[] pack =
        [
            "pack",
            Path.Combine("Native", "Sequor.Native.csproj"),
            "-c",
            "Release",
            $"-p:LastRelease={Version}",
            $"-p:RestoreAdditionalProjectSources={Feed.First}",
            $"-p:PackageOutputPath={Folder}/",
        ];
        Feed.Dotnet.Succeed(clone, pack);
        File.WriteAllText(source, text.Replace("public bool Available", "internal bool Available"));
        try
        {
            Ended ended = Feed.Dotnet.Run(clone, pack);
            Assert.That(ended.ExitCode, Is.Not.Zero);
            Assert.That(ended.Text, Does.Match("error CP0002: .*CudaDiagnosis.Available"));
        }
        finally
        {
            File.WriteAllText(source, text);
        }
    }

    // The page of the package that was made, and the one block of code in it.
    private static string Shown(string id)
    {
        var package = new NuPackage(Path.Combine(Feed.First, $"{id}.{Version}.nupkg"));
        return Blocks(Encoding.UTF8.GetString(package.Files["README.md"])).Single();
    }

    private static string[] Blocks(string page) =>
        [.. Block().Matches(page).Select(match => match.Groups[1].Value)];

    private string Succeed(string program, params string[] arguments)
    {
        Ended ended = Feed.Dotnet.Start(program, Folder, arguments);
        Assert.That(ended.ExitCode, Is.Zero, ended.Text);
        return ended.Text;
    }

    private void NewProject(string feed)
    {
        WriteConfiguration(feed);
        Feed.Dotnet.Succeed(Folder, "new", "console", "--name", "app", "--output", ".");
    }

    private void NewProject(
        string feed,
        string framework,
        params (string Id, string Version)[] packages
    )
    {
        WriteConfiguration(feed);
        Write("Program.cs", "System.Console.WriteLine();");
        string references = string.Concat(
            packages.Select(p => $"<PackageReference Include='{p.Id}' Version='{p.Version}' />")
        );
        Write(
            "app.csproj",
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>{framework}</TargetFramework>
              </PropertyGroup>
              <ItemGroup>{references}</ItemGroup>
            </Project>
            """
        );
    }

    // Beside the user's own sources, where others' packages are.
    private void WriteConfiguration(params string[] feeds) =>
        Write(
            "nuget.config",
            $"""
            <configuration>
              <packageSources>
                {string.Concat(
                feeds.Select((feed, i) => $"<add key='sequor{i}' value='{feed}' />")
            )}
              </packageSources>
              <packageSourceMapping><clear /></packageSourceMapping>
            </configuration>
            """
        );

    private void Write(string name, string text) => File.WriteAllText(PathOf(name), text);

    [GeneratedRegex("```csharp\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
