using NUnit.Framework;
using Sequor.Notices;
using Sequor.Tests.Support;
using Sequor.Tests.Tool;

namespace Sequor.Tests.Bundle;

/// <summary>The file with the licences of what a bundle carries.</summary>
[TestFixture]
public sealed class NoticesTests : FolderTest
{
    [Test]
    public void Every_library_beside_the_tests_is_covered()
    {
        string programs = AppContext.BaseDirectory;
        string assets = Path.GetFullPath(
            Path.Combine(programs, "../../../obj/Sequor.Tests/project.assets.json")
        );
        if (!File.Exists(assets))
            Assert.Ignore("the packages are where the tests were built, and they run elsewhere");
        // As a bundle has it: a folder for the program, without what is for other tests.
        string copy = Directory.CreateDirectory(PathOf("programs/Sequor.Tests")).FullName;
        foreach (string file in Directory.GetFiles(programs, "*.dll"))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));

        IReadOnlyList<Package> packages = Programs.Packages(
            PathOf("programs"),
            Path.GetFullPath(Path.Combine(programs, "../../../obj"))
        );

        string[] names = [.. packages.Select(p => p.Id)];
        Assert.That(
            names,
            Is.SupersetOf(
                new[] { "NUnit", "NUnit3TestAdapter", "Spectre.Console", "System.CommandLine" }
            )
        );
        Assert.That(names, Is.Unique);
        var text = new NoticeText();
        foreach (Package package in packages)
            text.Add(package);
        foreach (Package package in packages)
            Assert.That(text.ToString(), Does.Match($@"(?m)^{package.Id} {package.Version}\n"));
        Assert.That(text.ToString(), Does.Contain("Permission is hereby granted, free of charge"));
    }

    [Test]
    public void A_library_of_no_package_is_named()
    {
        Lay("a", "1.0", Expression("MIT"), ("lib/a.dll", "bytes of a"));
        string stray = Program("a.dll", "other bytes");
        Assert.That(
            () => Programs.Packages(PathOf("programs"), PathOf("objects")),
            Throws
                .TypeOf<NoticeException>()
                .With.Message.Contains(stray)
                .And.Message.Contains("its licence is unknown")
        );
        File.WriteAllText(stray, "bytes of a");
        Assert.That(
            Programs
                .Packages(PathOf("programs"), PathOf("objects"))
                .Select(package => package.ToString()),
            Is.EqualTo(new[] { "a 1.0" })
        );
    }

    [Test]
    public void A_known_expression_gets_its_text_and_copyright()
    {
        Package package = Lay("a", "1.0", Expression("MIT"));
        string text = Notices(package);
        Assert.That(
            text,
            Does.Contain("a 1.0\n    licence: MIT\n    copyright: (c) A. Uthor\n")
                .And.Contain("    project: the project\n    texts: [1]\n")
                .And.Contain("\n(c) A. Uthor\n\nPermission is hereby granted")
        );
    }

    [TestCase("LICENSE.TXT")]
    [TestCase("license.md")]
    [TestCase("LICENCE")]
    public void A_packages_own_text_comes_first(string name)
    {
        Package package = Lay(
            "a",
            "1.0",
            Expression("Some-1.0"),
            (name, "my terms\r\n"),
            ("THIRD-PARTY-NOTICES.TXT", "their terms"),
            ("License-Other.rtf", @"{\rtf1 other terms}")
        );
        Assert.That(package.Texts(), Is.EqualTo(new[] { "my terms\n", "their terms\n" }));
    }

    [Test]
    public void A_named_file_is_the_licence()
    {
        const string named = """<license type="file">terms\mine.txt</license>""";
        Package package = Lay("a", "1.0", named, ("terms/mine.txt", "my terms"));
        Assert.That(package.Texts(), Is.EqualTo(new[] { "my terms\n" }));
        Assert.That(
            () => Lay("b", "2.0", named).Texts(),
            Throws.TypeOf<NoticeException>().With.Message.Contains("b 2.0")
        );
    }

    [TestCase("<licenseUrl>somewhere</licenseUrl>", "b 2.0 has no licence")]
    [TestCase("", "b 2.0 has no licence")]
    [TestCase("""<license type="expression">Rare-1.0</license>""", "b 2.0 is under Rare-1.0")]
    public void A_licence_that_is_not_found_names_the_package(string licence, string said)
    {
        Package package = Lay("b", "2.0", licence, ("lib/b.dll", ""));
        Assert.That(
            () => Notices(package),
            Throws.TypeOf<NoticeException>().With.Message.Contains(said)
        );
    }

    [Test]
    public void Equal_texts_are_written_once()
    {
        string text = Notices(
            Lay("a", "1.0", Expression("MIT"), ("LICENSE", "the same")),
            Lay("b", "1.0", Expression("MIT"), ("LICENSE", "the same"), ("NOTICE", "more"))
        );
        Assert.That(text.Split("the same"), Has.Length.EqualTo(2));
        Assert.That(text, Does.Contain("    texts: [1]\n").And.Contain("    texts: [1] [2]\n"));
    }

    [Test]
    public void A_native_library_has_its_own_terms()
    {
        Package package = Lay(
            "a",
            "1.0",
            Expression("MIT"),
            ("runtimes/linux-x64/native/libcapstone.so", "")
        );
        Assert.That(package.Texts(), Has.Count.EqualTo(2));
        Assert.That(package.Texts()[1], Does.Contain("COSEINC"));
    }

    [Test]
    public void What_is_in_no_package_needs_its_file()
    {
        File.WriteAllText(PathOf("LICENSE"), "their terms");
        var text = new NoticeText();
        text.Add("Charts", [PathOf("LICENSE")]);
        Assert.That(text.ToString(), Does.Contain("Charts\n    texts: [1]\n"));
        Assert.That(
            () => text.Add("Runtime", [PathOf("LICENSE.txt")]),
            Throws
                .TypeOf<NoticeException>()
                .With.Message.Contains("Runtime")
                .And.Message.Contains(PathOf("LICENSE.txt"))
        );
    }

    [Test]
    public void Rich_text_is_read()
    {
        const string rich = """
            {\rtf1\ansi{\fonttbl{\f0 Tahoma;}}{\*\generator Some 1.0;}\pard\f0\fs19 One \{two\}\par
            \b three\b0  \'00\'a9 four\u8217?s\tab five\par}
            """;
        Assert.That(
            TextFile.Plain(rich).Trim(),
            Is.EqualTo("One {two}\nthree \u00a9 four\u2019s five")
        );
    }

    private static string Notices(params Package[] packages)
    {
        var text = new NoticeText();
        foreach (Package package in packages)
            text.Add(package);
        return text.ToString();
    }

    private static string Expression(string name) =>
        $"""<license type="expression">{name}</license>""";

    /// <summary>Lays a package into a cache, and a restore that has it.</summary>
    private Package Lay(
        string id,
        string version,
        string licence,
        params (string Path, string Text)[] files
    )
    {
        string folder = PathOf($"cache/{id}/{version}");
        foreach ((string path, string text) in files)
            Write(Path.Combine(folder, path), text);
        Write(
            Path.Combine(folder, id + ".nuspec"),
            $"""
            <package xmlns="urn:some"><metadata><id>{id}</id><copyright>(c) A. Uthor</copyright>
            <projectUrl>the project</projectUrl>{licence}</metadata></package>
            """
        );
        Write(
            PathOf("objects/Some/project.assets.json"),
            $$"""
            {
              "packageFolders": { "{{PathOf("cache").Replace(@"\", @"\\")}}": {} },
              "libraries": {
                "Ours/1.0": { "type": "project", "path": "../Ours" },
                "{{id}}/{{version}}": { "type": "package", "path": "{{id}}/{{version}}" }
              }
            }
            """
        );
        return new Package(id, version, folder);
    }

    private string Program(string name, string text)
    {
        string path = PathOf(Path.Combine("programs", "Some", name));
        Write(path, text);
        Write(PathOf("programs/Some/Sequor.Some.dll"), "ours");
        return path;
    }

    private static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
