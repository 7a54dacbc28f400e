using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds;

/// <summary>Every C# file says in a sentence what it holds, above its first type or on its first line.</summary>
[TestFixture]
public sealed partial class SourceTests
{
    private static readonly string[] Folders =
    [
        "Native",
        "Interop",
        "Layers",
        "Benchmarks",
        "Tests",
    ];

    private static readonly string[] OfBuilds = ["artifacts", "bin", "obj"];

    // A name and a full stop say nothing that the file's name does not.
    private const int LeastWords = 3;

    [Test]
    public void Every_file_begins_with_what_it_is()
    {
        string root = Repository.Root();
        string[] files = [.. Folders.SelectMany(folder => Written(root, folder))];
        Assert.That(files, Has.Length.AtLeast(500));
        string[] without =
        [
            .. files.Where(file => !HasSentence(File.ReadAllLines(Path.Combine(root, file)))),
        ];
        Assert.That(
            without,
            Is.Empty,
            $"what these hold is not said above their first type:\n{string.Join('\n', without)}\n"
        );
    }

    [TestCase("/// <summary>What a file holds.</summary>|class A;", true)]
    [TestCase("/// <summary>|/// What a file|/// holds.|/// </summary>|class A;", true)]
    [TestCase("using B;||namespace C;||// What it holds.|[D]|[E(|    1|)]|class A;", true)]
    [TestCase("// What it holds.||using B;||class A;", true)]
    [TestCase("using B;||// What it holds.|return 0;", true)]
    [TestCase("// What it holds. (Its source.)|class A;", true)]
    [TestCase("/// <summary>What it holds.<para>And why.</para></summary>|class A;", true)]
    [TestCase("namespace C;||class A;", false)]
    [TestCase("namespace C;||[D]|class A;", false)]
    [TestCase("// Why it is used.|using B;||class A;", true)]
    [TestCase("using B;|// Why it is used.|using D;||class A;", false)]
    [TestCase("namespace C;||class A|{|    // Why it is there.|    int b;|}", false)]
    [TestCase("/// <summary>Streams.</summary>|class A;", false)]
    [TestCase("/// <summary>What it holds</summary>|class A;", false)]
    [TestCase("/// <remarks>What it is for.</remarks>|class A;", false)]
    public void A_sentence_is_told_from_none(string file, bool has) =>
        Assert.That(HasSentence(file.Split('|')), Is.EqualTo(has));

    private static IEnumerable<string> Written(string root, string folder) =>
        Directory
            .EnumerateFiles(Path.Combine(root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Where(file => !file.EndsWith(".g.cs", StringComparison.Ordinal))
            .Where(file => !file.Split('/').Intersect(OfBuilds).Any())
            .Order(StringComparer.Ordinal);

    private static bool HasSentence(string[] lines)
    {
        string text = Sentence(IsComment(lines[0]) ? lines.TakeWhile(IsComment) : Above(lines));
        return text.TrimEnd(')').EndsWith('.') && text.Split(' ').Length >= LeastWords;
    }

    /// <summary>The comment directly above the first code of a file and its attributes.</summary>
    private static List<string> Above(string[] lines)
    {
        var comment = new List<string>();
        bool inAttribute = false;
        foreach (string line in lines)
        {
            if (IsComment(line))
            {
                comment.Add(line);
            }
            else if (inAttribute || line.StartsWith('['))
            {
                inAttribute = !line.EndsWith(']');
            }
            else if (Opening().IsMatch(line))
            {
                comment.Clear();
            }
            else
            {
                break;
            }
        }
        return comment;
    }

    /// <summary>The words of a comment; of one for documentation, those of its summary.</summary>
    private static string Sentence(IEnumerable<string> comment)
    {
        string text = string.Join(' ', comment.Select(line => line.TrimStart('/').Trim()));
        bool documents =
            comment.FirstOrDefault()?.StartsWith("///", StringComparison.Ordinal) is true;
        return documents ? Tag().Replace(Summary().Match(text).Groups[1].Value, "").Trim() : text;
    }

    private static bool IsComment(string line) => line.StartsWith("//", StringComparison.Ordinal);

    /// <summary>What may stand above the first type and is none: blank lines, directives and the namespace.</summary>
    [GeneratedRegex(@"^\s*$|^(global )?using |^namespace |^#")]
    private static partial Regex Opening();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("<summary>(.*)</summary>")]
    private static partial Regex Summary();
}
