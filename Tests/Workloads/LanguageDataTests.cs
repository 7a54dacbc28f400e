using System.Text;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Texts as characters and as words: vocabularies, parts, windows in which each target counts once, and damaged texts.</summary>
[TestFixture]
public sealed class LanguageDataTests : FolderTest
{
    private string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    private string Write(string name, params byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllBytes(PathOf(name), bytes);
        return PathOf(name);
    }

    private string Parts(string folder, string name, string train, string valid, string test)
    {
        foreach (
            (string part, string text) in new[]
            {
                ("train", train),
                ("valid", valid),
                ("test", test),
            }
        )
            Write(Path.Combine(folder, name.Replace("{0}", part, StringComparison.Ordinal)), text);
        return PathOf(folder);
    }

    private static string Read(LanguageData data, ReadOnlyMemory<int> part, string between = "") =>
        string.Join(between, part.ToArray().Select(token => data.Vocabulary[token]));

    [Test]
    public void Characters_are_code_points_in_their_order()
    {
        // A letter, two of two and three bytes, and one that is a pair in UTF-16; 20 in all.
        LanguageData data = LanguageData.LoadCharacters(
            Write("x", string.Concat(Enumerable.Repeat("zä€\U0001F600\n", 4)))
        );
        // A save asks for it each time, and texts may have gigabytes.
        string first = data.Fingerprint();
        Assert.That(data.Fingerprint(), Is.SameAs(first));
        Assert.That(data.Vocabulary, Is.EqualTo(new[] { "\n", "z", "ä", "€", "\U0001F600" }));
        Assert.That(
            (data.Train.Length, data.Valid.Length, data.Test.Length),
            Is.EqualTo((18, 1, 1))
        );
        Assert.That(
            Read(data, data.Train) + Read(data, data.Valid) + Read(data, data.Test),
            Is.EqualTo(string.Concat(Enumerable.Repeat("zä€\U0001F600\n", 4)))
        );
        Assert.That(data.Train.ToArray()[..6], Is.EqualTo(new[] { 1, 2, 3, 4, 0, 1 }));
    }

    [Test]
    public void Characters_that_only_other_parts_have_share_the_last_number()
    {
        LanguageData data = LanguageData.LoadCharacters(
            Parts("parts", "{0}.txt", "abab", "abxa", "yb")
        );
        Assert.That(data.Vocabulary, Is.EqualTo(new[] { "a", "b", LanguageData.Unknown }));
        Assert.That(data.Valid.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 0 }));
        Assert.That(data.Test.ToArray(), Is.EqualTo(new[] { 2, 1 }));
    }

    [Test]
    public void A_mark_of_byte_order_is_no_character()
    {
        LanguageData data = LanguageData.LoadCharacters(
            Write("x", [0xEF, 0xBB, 0xBF, .. "abcdefghij"u8])
        );
        Assert.That(data.Vocabulary[0], Is.EqualTo("a"));
    }

    [Test]
    public void Penn_treebank_is_read_as_its_files_are_meant()
    {
        LanguageData words = LanguageData.LoadCharacters(
            Parts("words", "ptb.{0}.txt", " a b\n c\n", " a\n", " b\n")
        );
        Assert.That(Read(words, words.Train), Is.EqualTo(" a b<eos> c<eos>"));
        LanguageData characters = LanguageData.LoadCharacters(
            Parts("characters", "ptb.char.{0}.txt", "a b _ c\n", "c\n", "b a\n")
        );
        Assert.That(Read(characters, characters.Train), Is.EqualTo("ab_c\n"));
        // Where a folder has both, characters are characters.
        Parts("characters", "ptb.{0}.txt", " x\n", " x\n", " x\n");
        Assert.That(
            LanguageData.LoadCharacters(PathOf("characters")).Fingerprint(),
            Is.EqualTo(characters.Fingerprint())
        );
    }

    [Test]
    public void Words_are_numbered_by_how_often_they_come_and_then_by_place()
    {
        LanguageData data = LanguageData.LoadWords(
            Parts("words", "ptb.{0}.txt", "b a  c\ta\r\n\na b", "a zz\n", "c\n")
        );
        // a 3, <eos> 3 but later, b 2, c 1.
        Assert.That(
            data.Vocabulary,
            Is.EqualTo(new[] { "a", "<eos>", "b", "c", LanguageData.Unknown })
        );
        Assert.That(Read(data, data.Train, " "), Is.EqualTo("b a c a <eos> <eos> a b <eos>"));
        Assert.That(Read(data, data.Valid, " "), Is.EqualTo("a <unk> <eos>"));
        Assert.That(Read(data, data.Test, " "), Is.EqualTo("c <eos>"));
    }

    [Test]
    public void A_limit_leaves_the_words_that_come_most_often()
    {
        string folder = Parts("words", "{0}.txt", "a a a b b c\n", "c b\n", "d\n");
        LanguageData data = LanguageData.LoadWords(folder);
        Assert.That(data.Vocabulary, Has.Count.EqualTo(5), "a b c <eos> <unk>");
        LanguageData three = data.Limited(3);
        Assert.That(three.Vocabulary, Is.EqualTo(new[] { "a", "b", LanguageData.Unknown }));
        Assert.That(
            Read(three, three.Train, " "),
            Is.EqualTo("a a a b b <unk> <unk>"),
            "the end of a line comes no more often than c"
        );
        Assert.That(data.Limited(5), Is.SameAs(data));
        Assert.That(three.Fingerprint(), Is.Not.EqualTo(data.Fingerprint()));

        // A text that has the unknown word itself, as Penn Treebank's.
        LanguageData own = LanguageData.LoadWords(
            Parts("own", "{0}.txt", "<unk> <unk> <unk> a a b\n", "c\n", "b\n")
        );
        Assert.That(own.Vocabulary[0], Is.EqualTo(LanguageData.Unknown));
        LanguageData two = own.Limited(2);
        Assert.That(two.Vocabulary, Is.EqualTo(new[] { LanguageData.Unknown, "a" }));
        Assert.That(two.Train.ToArray(), Is.EqualTo(new[] { 0, 0, 0, 1, 1, 0, 0 }));
        Assert.That(two.Valid.ToArray(), Is.EqualTo(new[] { 0, 0 }));
        // And one in which it is rarer than what stays.
        LanguageData rare = LanguageData
            .LoadWords(Parts("rare", "{0}.txt", "a a a b b <unk>\n", "b\n", "a\n"))
            .Limited(2);
        Assert.That(rare.Vocabulary, Is.EqualTo(new[] { "a", LanguageData.Unknown }));
        Assert.That(rare.Train.ToArray(), Is.EqualTo(new[] { 0, 0, 0, 1, 1, 1, 1 }));
    }

    [Test]
    public void More_characters_than_a_model_has_are_refused()
    {
        LanguageData data = LanguageData.LoadCharacters(Write("x", "abcdefghijklmnopqrst"));
        Assert.That(
            () => data.Limited(10),
            Throws
                .TypeOf<TaskDataException>()
                .With.Message.Contains("has 19 characters")
                .And.Message.Contains("at most 10")
        );
    }

    // Of every step it is known how often its target counts.
    [TestCase(21, 5, 0)]
    [TestCase(23, 5, 0)]
    [TestCase(23, 5, 2)]
    [TestCase(31, 7, 6)]
    [TestCase(6, 5, 3)]
    [TestCase(7, 5, 4)]
    [TestCase(2, 1, 0)]
    public void Each_target_counts_in_one_window(int count, int length, int context)
    {
        string text = string.Concat(
            Enumerable.Range(0, 20 * count).Select(i => (char)('0' + i % 53))
        );
        LanguageData data = LanguageData.LoadCharacters(Write("x", text));
        ReadOnlyMemory<int> part = data.Train[..count];
        Dataset set = data.Windows("train", part, length, context);
        int[] counted = new int[count];
        var batch = new SequenceBatch(set, 1);
        for (int window = 0; window < set.Count; window++)
        {
            batch.Load(set, window, 1);
            Assert.That(batch.Length, Is.EqualTo(length));
            int first = window == set.Count - 1 ? count - 1 - length : window * (length - context);
            Assert.That(
                batch.X.ToArray(),
                Is.EqualTo(part.Slice(first, length).ToArray().Select(c => (float)c))
            );
            Assert.That(
                batch.Targets.ToArray(),
                Is.EqualTo(part.Slice(first + 1, length).ToArray().Select(c => (float)c))
            );
            for (int t = 0; t < length; t++)
            {
                bool counts = batch.Mask.IsEmpty || batch.Mask[t] > 0;
                counted[first + t + 1] += counts ? 1 : 0;
                if (counts && window > 0 && window < set.Count - 1)
                    Assert.That(t, Is.GreaterThanOrEqualTo(context), "no context counts");
            }
        }
        Assert.That(counted[1..], Is.All.EqualTo(1));
    }

    [Test]
    public void Windows_that_go_on_leave_nothing_out()
    {
        LanguageData data = LanguageData.LoadCharacters(Write("x", "abcdefghijklmnopqrstuvwxyz"));
        Dataset set = data.Continuous("train", data.Train, 5);
        Assert.That(set.IsContinuous);
        Assert.That((set.Count, set.TotalSteps), Is.EqualTo(((int?)5, 22L)));
        Assert.That(
            Enumerable.Range(0, 5).Select(i => set.LengthOf(i)),
            Is.EqualTo(new[] { 5, 5, 5, 5, 2 })
        );
        var batch = new SequenceBatch(set, 1);
        batch.Load(set, 4, 1);
        Assert.That(batch.X.ToArray(), Is.EqualTo(new[] { 20f, 21f }));
        Assert.That(batch.Targets.ToArray(), Is.EqualTo(new[] { 21f, 22f }));
    }

    [Test]
    public void Another_encoding_is_told_with_its_first_wrong_byte(
        [Values("charlm", "wordlm")] string task
    )
    {
        TaskEntry entry = Sequor.Workloads.Tasks.Get(task);
        Refused(
            Write("latin", [.. "one\ntwo caf"u8, 0xE9, .. " three"u8]),
            "latin",
            "0xE9 at 11, in line 2",
            "UTF-8"
        );
        Refused(Write("cut", [.. "abc"u8, 0xE2, 0x82]), "0xE2 at 3");
        Refused(Write("utf16", [0xFF, 0xFE, 0x61, 0]), "0xFF at 0", "UTF-16");
        Refused(Write("utf16 without a mark", [0x61, 0, 0x62, 0]), "0x00 at 1", "UTF-16");
        Refused(Write("binary", [.. "ab\nc"u8, 0]), "0x00 at 4, in line 2");
        Refused(Write("surrogate", [0xED, 0xA0, 0x80]), "0xED at 0");
        Refused(Write("overlong", [0x61, 0xC0, 0xAF]), "0xC0 at 1");
        Refused(Write("empty"), "'" + PathOf("empty") + "' is empty");
        Refused(Write("mark", 0xEF, 0xBB, 0xBF), "is empty");
        Write("folder/train.txt", "a b\n");
        Write("folder/test.txt", "a b\n");
        Refused(PathOf("folder"), "has train.txt, test.txt, and lacks valid.txt");
        Write("folder/valid.txt", "");
        Refused(PathOf("folder"), "valid.txt' is empty");
        Directory.CreateDirectory(PathOf("none"));
        Refused(PathOf("none"), "no text in three parts", "ptb.train.txt", "train.txt, valid.txt");
        Assert.That(() => entry.Load(PathOf("missing")), Throws.InstanceOf<IOException>());

        void Refused(string path, params string[] words)
        {
            TaskDataException e = Assert.Throws<TaskDataException>(() => entry.Load(path))!;
            foreach (string word in words)
                Assert.That(e.Message, Does.Contain(word));
        }
    }

    [Test]
    public void The_fingerprint_is_that_of_parts_and_vocabulary()
    {
        string[] prints =
        [
            .. new[]
            {
                ("ab", "b", "a"),
                ("ba", "b", "a"),
                ("ab", "a", "b"),
                ("ac", "c", "a"),
                ("abb", "a", "b"),
            }.Select(
                (t, i) =>
                    LanguageData
                        .LoadCharacters(Parts($"f{i}", "{0}.txt", t.Item1, t.Item2, t.Item3))
                        .Fingerprint()
            ),
        ];
        Assert.That(prints, Is.Unique);
        Assert.That(
            LanguageData.LoadCharacters(Parts("g", "{0}.txt", "ab", "b", "a")).Fingerprint(),
            Is.EqualTo(prints[0]).And.Length.EqualTo(16)
        );
    }
}
