using System.Text;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>ListOps' files: read with their parentheses, and refused with the place of what is wrong.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ListOpsDataTests : FolderTest
{
    private const string Known =
        "Source\tTarget\n( ( ( ( [MAX 3 ) 4 ) ( ( ( [SM 9 ) 8 ) ] ) ) ] )\t7\n5\t5\n";

    private string Train => PathOf("basic_train.tsv");

    private void Write(string train)
    {
        ListOpsFiles.Write(Folder);
        File.WriteAllText(Train, train);
    }

    [Test]
    public void Parentheses_are_no_tokens()
    {
        Write(Known);
        ListOpsData data = ListOpsData.Load(Folder);
        Assert.That(ListOps.Text(data.Train.TokensOf(0)), Is.EqualTo("[MAX 3 4 [SM 9 8 ] ]"));
        Assert.That(
            (data.Train.Count, data.Train.ValueOf(0), data.Train.ValueOf(1)),
            Is.EqualTo((2, 7, 5))
        );
        Assert.That((data.Valid.Count, data.Test.Count), Is.EqualTo((3, 3)));
        Assert.That((data.Train.Longest, data.Train.Shortest), Is.EqualTo((8, 1)));
    }

    [Test]
    public void Line_ends_and_a_byte_order_mark_do_not_matter_and_content_does()
    {
        Write(Known);
        string plain = ListOpsData.Load(Folder).Fingerprint();
        foreach (
            string same in (string[])
                [
                    Known.Replace("\n", "\r\n", StringComparison.Ordinal),
                    Known.TrimEnd('\n'),
                    "\uFEFF" + Known,
                    Known
                        .Replace("( ", "", StringComparison.Ordinal)
                        .Replace(") ", "", StringComparison.Ordinal)
                        .Replace(" )", "", StringComparison.Ordinal),
                ]
        )
        {
            File.WriteAllText(Train, same);
            Assert.That(ListOpsData.Load(Folder).Fingerprint(), Is.EqualTo(plain), same);
        }
        File.WriteAllText(Train, Known + "6\t6\n");
        Assert.That(ListOpsData.Load(Folder).Fingerprint(), Is.Not.EqualTo(plain));
        // The same expressions, of which one is in another set.
        File.WriteAllText(Train, "Source\tTarget\n5\t5\n");
        File.WriteAllText(PathOf("basic_val.tsv"), "Source\tTarget\n6\t6\n7\t7\n");
        string one = ListOpsData.Load(Folder).Fingerprint();
        File.WriteAllText(Train, "Source\tTarget\n5\t5\n6\t6\n");
        File.WriteAllText(PathOf("basic_val.tsv"), "Source\tTarget\n7\t7\n");
        Assert.That(ListOpsData.Load(Folder).Fingerprint(), Is.Not.EqualTo(one));
    }

    private static IEnumerable<TestCaseData> Damaged()
    {
        yield return Case("empty", "", "is empty", "'Source\\tTarget'");
        yield return Case("only a header", "Source\tTarget\n", "has no expressions");
        yield return Case("another header", "Target\tSource\n5\t5\n", "line 1", "not 'Target");
        yield return Case("no header", "5\t5\n", "line 1", "'Source\\tTarget'");
        yield return Case("no tab", "Source\tTarget\n5\t5\n( ( [MAX 1\n", "line 3", "no tab");
        yield return Case("a class of 10", "Source\tTarget\n5\t10\n", "line 2", "0 to 9, not '10'");
        yield return Case("no class", "Source\tTarget\n5\t\n", "line 2", "0 to 9, not ''");
        yield return Case("a word as class", "Source\tTarget\n5\tx\n", "line 2", "not 'x'");
        yield return Case(
            "a wrong value",
            "Source\tTarget\n[MIN 1 2 ]\t2\n",
            "line 2",
            "value is 1, and the file says 2"
        );
        yield return Case(
            "an unknown token",
            "Source\tTarget\n[MIN 1 2 ]\t1\n( ( [FIRST 1 ) 2 ) ]\t1\n",
            "line 3, byte 5",
            "[MIN [MAX [MED [SM ]",
            "not '[FIRST'"
        );
        yield return Case(
            "cut off",
            "Source\tTarget\n( ( [MIN 1 ) 2\t1\n",
            "line 2",
            "no expression"
        );
        yield return Case(
            "too deep",
            $"Source\tTarget\n{string.Concat(Enumerable.Repeat("[MAX 1 ", 10))}1{string.Concat(Enumerable.Repeat(" ]", 10))}\t1\n",
            "line 2",
            "at most 10 deep"
        );
        yield return Case("no expression", "Source\tTarget\n\t1\n", "line 2", "no expression");
        yield return Case(
            "control characters",
            "Source\tTarget\n\u001b[2J\t1\n",
            "line 2, byte 1",
            "\\u001b[2J"
        );

        static TestCaseData Case(string name, string text, params string[] words) =>
            new TestCaseData(text, words).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Damaged))]
    public void A_damaged_file_is_refused_with_file_and_place(string text, string[] words)
    {
        Write(text);
        TaskDataException e = Assert.Throws<TaskDataException>(() => ListOpsData.Load(Folder))!;
        foreach (string word in (string[])[$"'{Train}'", .. words])
            Assert.That(e.Message, Does.Contain(word));
    }

    [Test]
    public void Text_in_another_encoding_and_bytes_that_are_none_are_refused()
    {
        Write(Known);
        File.WriteAllText(Train, Known, Encoding.Unicode);
        Assert.That(
            () => ListOpsData.Load(Folder),
            Throws.TypeOf<TaskDataException>().With.Message.Contains("line 1")
        );
        File.WriteAllBytes(Train, new byte[(1 << 20) + 5000]);
        Assert.That(
            () => ListOpsData.Load(Folder),
            Throws.TypeOf<TaskDataException>().With.Message.Contains("more than 1048576 bytes")
        );
    }

    [Test]
    public void A_folder_that_lacks_files_is_told_which_and_where_they_are_to_be_had()
    {
        ListOpsFiles.Write(Folder);
        File.Delete(PathOf("basic_val.tsv"));
        Assert.That(
            () => ListOpsData.Load(Folder),
            Throws
                .TypeOf<TaskDataException>()
                .With.Message.Contains($"'{Folder}' lacks basic_val.tsv")
                .And.Message.Contains("long-range-arena")
                .And.Not.Message.Contains("basic_test")
        );
        Assert.That(
            () => ListOpsData.Load(PathOf("none")),
            Throws.TypeOf<TaskDataException>().With.Message.Contains("is no folder")
        );
    }

    [Test]
    public void An_expression_that_is_longer_than_the_plan_is_told()
    {
        Write(Known);
        TaskEntry entry = Sequor.Workloads.Tasks.Get("listops");
        TaskData data = entry.Load(Folder);
        entry.RequireFit(24, data);
        Assert.That(
            () => entry.RequireFit(8, data),
            Throws
                .TypeOf<TaskDataException>()
                .With.Message.Contains("set valid")
                .And.Message.Contains("T = 8")
        );
    }
}
