using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Training;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>The task text: a file of the user's as characters.</summary>
[TestFixture]
[NonParallelizable]
public sealed class TextTests : FolderTest
{
    private const string Small = "--task text --length 8 --batch 4 --hidden 6 --threads 1";

    // 26 letters over and over: what follows a letter is sure.
    private static readonly byte[] Letters =
    [
        .. Enumerable.Range(0, 4000).Select(i => (byte)('a' + (i % 26))),
    ];

    private static readonly TaskEntry Entry = Sequor.Workloads.Tasks.Get("text");

    private string Saved => PathOf("saved");

    private string Write(string name, params byte[] bytes)
    {
        File.WriteAllBytes(PathOf(name), bytes);
        return PathOf(name);
    }

    private string Text() => Write("letters.txt", Letters);

    [Test]
    public void Each_step_asks_for_the_next_character_of_a_place_in_its_part()
    {
        const int T = 9;
        const int Size = 3000;
        // Training has the bytes below 90, validation those up to 94.
        string path = Write("x", [.. Enumerable.Range(0, 2000).Select(i => (byte)(i / 20))]);
        SequenceTask task = Entry.CreateStream(T, Entry.Load(path));
        var batch = new SequenceBatch(task, Size);
        var seen = new HashSet<float>();
        foreach (ulong stream in (ulong[])[7, SequenceTask.HeldOutStream])
        {
            batch.Load(task.Stream(stream), 0, Size);
            seen.Clear();
            for (int b = 0; b < Size; b++)
            {
                for (int t = 0; t < T; t++)
                {
                    seen.Add(batch.Input(t, b)[0]);
                    seen.Add(batch.Target(t, b)[0]);
                    if (t > 0)
                        Assert.That(batch.Input(t, b)[0], Is.EqualTo(batch.Target(t - 1, b)[0]));
                    Assert.That(
                        batch.Target(t, b)[0] - batch.Input(t, b)[0],
                        Is.EqualTo(0).Or.EqualTo(1)
                    );
                }
            }
            int from = stream == SequenceTask.HeldOutStream ? 90 : 0;
            int to = stream == SequenceTask.HeldOutStream ? 95 : 90;
            Assert.That(
                seen.Order(),
                Is.EqualTo(Enumerable.Range(from, to - from).Select(i => (float)i)),
                "all of the part, its first and its last character too"
            );
        }
        Assert.That((task.InputSize, task.OutputSize), Is.EqualTo((1, 256)));
    }

    [Test]
    public void Sets_are_cut_one_behind_the_other_and_share_nothing()
    {
        const int T = 6;
        TaskData data = Entry.Load(Text());
        (Dataset train, Dataset valid, Dataset test) = Entry.CreateSets(T, 0, 1, data);

        int at = 0;
        foreach (
            (Dataset set, int bytes) in ((Dataset, int)[])[(train, 3600), (valid, 200), (test, 200)]
        )
        {
            Assert.That(set.Count, Is.EqualTo((bytes - 1) / T));
            var batch = new SequenceBatch(set, 1);
            for (int piece = 0; piece < set.Count; piece++)
            {
                batch.Load(set, piece, 1);
                int first = at + (piece * T);
                Assert.That(batch.X.ToArray(), Is.EqualTo(Of(first)));
                Assert.That(batch.Targets.ToArray(), Is.EqualTo(Of(first + 1)));
            }
            at += bytes;
        }

        static IEnumerable<float> Of(int first) =>
            Letters.Skip(first).Take(T).Select(c => (float)c);
    }

    [Test]
    public void Without_learning_it_is_a_guess_by_how_often_characters_come()
    {
        string path = Write("x", [.. Enumerable.Range(0, 2000).Select(i => (byte)(i % 2))]);
        SequenceTask task = Entry.CreateStream(4, Entry.Load(path));
        // Seen 900 times each, and each of 256 once more.
        Assert.That(task.Baseline, Is.EqualTo(-Math.Log(901 / 2056.0)).Within(1e-12));
    }

    // Bytes that are no UTF-8, NUL among them, are characters as all others.
    [Test]
    public void Any_bytes_are_a_text()
    {
        byte[] bytes = [.. Enumerable.Range(0, 2560).Select(i => (byte)(255 - (i % 256)))];
        string path = Write("bytes", bytes);

        InProcess.Run($"train --arch rnn {Small} --steps 2 --data", path).RequireSuccess();
        Assert.That(
            Entry.Load(path).Fingerprint(),
            Is.Not.EqualTo(Entry.Load(Write("other", [.. bytes[..^1], 7])).Fingerprint())
        );
    }

    [Test]
    public void A_model_begins_with_an_embedding_and_learns_what_follows_a_letter()
    {
        string json = PathOf("train.json");
        ProgramResult result = InProcess.Run(
            "train --arch gru --task text --length 8 --batch 8 --hidden 24 --steps 400 --lr 0.01 --data",
            [Text(), "--json", json]
        );
        result.RequireSuccess();
        // The alphabet's entropy is ln 26 = 3.26.
        Assert.That(
            result.Output,
            Does.Contain("letters.txt', T=8").And.Contain("(without learning: 3.")
        );
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        Assert.That(document.RootElement.GetProperty("task").GetString(), Is.EqualTo("text"));
        Assert.That(document.RootElement.GetProperty("final").GetDouble(), Is.LessThan(0.5));
        using Sequential model = Architecture
            .Get("gru")
            .Create(Entry.Ends, Architecture.Get("gru").Sized(24, 1));
        Assert.That(model.Children[0].Layer, Is.InstanceOf<Embedding>());
        Assert.That(
            document.RootElement.GetProperty("parameters").GetInt64(),
            Is.EqualTo(model.ParameterCount)
        );
    }

    [Test]
    public void A_run_goes_on_bit_for_bit_with_the_same_text_and_no_other()
    {
        string text = Text();
        string whole = PathOf("whole");
        Train("8", "--checkpoint", whole).RequireSuccess();
        Train("4", "--checkpoint", Saved).RequireSuccess();
        byte[] half = File.ReadAllBytes(Saved);

        Resume("--data", text, "--checkpoint", PathOf("rest")).RequireSuccess();
        Resume("--data", text, "--checkpoint", Saved).RequireSuccess();
        Assert.That(File.ReadAllBytes(Saved), Is.EqualTo(File.ReadAllBytes(whole)));
        File.WriteAllBytes(Saved, half);

        Resume().RequireFailure(2, "--data FILE is needed for text", "a text of your own");
        Resume("--data", Write("other", [.. Letters, 1]))
            .RequireFailure(1, "--resume", "'data'", Entry.Load(text).Fingerprint(), "other");
        Resume("--data", text, "--json", text).RequireFailure(2, "--json would overwrite", text);

        ProgramResult Train(string steps, params string[] more) =>
            InProcess.Run($"train --arch lru {Small} --data", [text, "--steps", steps, .. more]);

        ProgramResult Resume(params string[] more) =>
            InProcess.Run("train --resume", [Saved, "--steps", "8", .. more]);
    }

    [Test]
    public void Texts_that_cannot_be_learned_are_told_before_the_work_begins()
    {
        string empty = Write("empty");
        string few = Write("few", Letters[..100]);
        Assert.Multiple(() =>
        {
            Refused(empty, $"'{empty}' is empty");
            Refused(few, $"'{few}' is too short for sequences of", "it has 100 bytes", "the 5 to");
            Refused(PathOf("none"), "no file", PathOf("none"));
            Refused(Folder, "is a folder", "needs a file");
        });
        InProcess
            .Run($"train --arch rnn {Small}")
            .RequireFailure(2, "--data FILE is needed for text");
        InProcess
            .Run("train --arch rnn --data", empty)
            .RequireFailure(2, "--data is for the tasks", "text", "drawn");
        InProcess
            .Run("reproduce --task text,jsb --data", Text())
            .RequireFailure(2, "--data is one file for text", "not with jsb");

        static void Refused(string path, params string[] words)
        {
            foreach (
                string command in (string[])
                    [
                        $"train --arch rnn {Small}",
                        $"bench --arch rnn {Small}",
                        "reproduce --task text --arch rnn",
                    ]
            )
                InProcess.Run($"{command} --data", path).RequireFailure(1, ["--data", .. words]);
        }
    }

    // One sequence of 8 steps in the shortest part needs 9 bytes there.
    [TestCase(9, 8, true)]
    [TestCase(9, 9, false)]
    public void A_part_is_long_enough_with_a_character_after_its_sequence(
        int valid,
        int length,
        bool fits
    )
    {
        TaskData data = Entry.Load(Write("x", new byte[20 * valid]));
        if (!fits)
        {
            Assert.That(
                () => Entry.CreateStream(length, data),
                Throws.TypeOf<TaskDataException>().With.Message.Contains($"at least {length + 1}")
            );
            return;
        }
        SequenceTask task = Entry.CreateStream(length, data);
        new SequenceBatch(task, 5).Load(task.Stream(SequenceTask.HeldOutStream), 0, 5);
        TaskSets sets = Entry.CreateSets(length, 0, 1, data);
        Assert.That((sets.Valid.Count, sets.Test.Count), Is.EqualTo((1, 1)));
    }

    [Test]
    public void Bench_measures_it_and_reproduce_trains_its_presets()
    {
        string text = Text();
        ProgramResult bench = InProcess.Run(
            $"bench --arch lstm,tcn --layers 2 {Small} --steps 2 --warmup 1 --data",
            text
        );
        bench.RequireSuccess();
        Assert.That(bench.Output, Does.Match("tcn +6 x 2").And.Contain("look back"));

        ProgramResult trained = InProcess.Run(
            "reproduce --task text --arch gru --budget 0.0001 --checkpoint",
            [PathOf("runs"), "--data", text]
        );
        trained.RequireSuccess();
        Assert.That(trained.Output, Does.Match("text gru 300k +298704 +cross-entropy"));
        Assert.That(
            Checkpoint
                .ReadInfo(Path.Combine(PathOf("runs"), "text-gru-300k-seed1.safetensors"))
                .Metadata["data"],
            Is.EqualTo(Entry.Load(text).Fingerprint())
        );
    }

    [Test]
    public void All_tasks_of_reproduce_are_those_without_it()
    {
        ProgramResult result = InProcess.Run("reproduce --task all --data", Text());
        result.RequireFailure(2, "--data must be a folder", "JSB_Chorales.mat");
        Assert.That(result.Error, Does.Not.Contain("text,"));
        Assert.That(
            InProcess.Run("reproduce").Error,
            Does.Contain("adding, copy, text").And.Contain("or all without text")
        );
    }
}
