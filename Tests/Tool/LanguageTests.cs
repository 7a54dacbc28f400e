using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Files;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>The tasks charlm and wordlm: texts of the user's, in all commands that take them.</summary>
[TestFixture]
[NonParallelizable]
public sealed class LanguageTests : FolderTest
{
    private const string Small = "--length 8 --batch 4 --hidden 6 --threads 1";

    // What follows a letter, or a word, is sure.
    private static readonly string Letters = string.Concat(
        Enumerable.Range(0, 4000).Select(i => (char)('a' + (i % 26)))
    );
    private static readonly string Words = string.Concat(
        Enumerable.Repeat("one two three four five\n", 200)
    );

    private static readonly string[] Tasks = ["charlm", "wordlm"];

    private string Saved => PathOf("saved");

    private static TaskEntry Entry(string task) => Sequor.Workloads.Tasks.Get(task);

    private string Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    private string TextOf(string task) => Write($"{task}.txt", task == "charlm" ? Letters : Words);

    [Test]
    public void Each_step_asks_for_what_comes_next_at_a_place_in_its_part()
    {
        const int T = 9;
        const int Size = 3000;
        // Training has the characters below 90, validation those up to 94.
        string path = Write(
            "x",
            string.Concat(Enumerable.Range(0, 2000).Select(i => (char)(0x100 + i / 20)))
        );
        SequenceTask task = Entry("charlm").CreateStream(T, Entry("charlm").Load(path));
        var batch = new SequenceBatch(task, Size);
        batch.Load(task.Stream(7), 0, Size);
        var seen = new HashSet<float>();
        for (int b = 0; b < Size; b++)
        {
            for (int t = 0; t < T; t++)
            {
                seen.Add(batch.Input(t, b)[0]);
                seen.Add(batch.Target(t, b)[0]);
                if (t > 0)
                    Assert.That(batch.Input(t, b)[0], Is.EqualTo(batch.Target(t - 1, b)[0]));
            }
        }
        Assert.That(
            seen.Order(),
            Is.EqualTo(Enumerable.Range(0, 90).Select(i => (float)i)),
            "all of the part, its first and its last character too"
        );
        // What is held out has only characters that training has not.
        batch.Load(task.Stream(SequenceTask.HeldOutStream), 0, Size);
        Assert.That(batch.X.ToArray(), Is.All.EqualTo(90f));
        Assert.That((task.InputSize, task.OutputSize), Is.EqualTo((1, 91)));
    }

    [Test]
    public void Without_learning_it_is_a_guess_by_how_often_characters_come()
    {
        string path = Write("x", string.Concat(Enumerable.Repeat("ab", 1000)));
        SequenceTask task = Entry("charlm").CreateStream(4, Entry("charlm").Load(path));
        // Seen 900 times each, and once more.
        Assert.That(task.Baseline, Is.EqualTo(Math.Log(2)).Within(1e-12));
    }

    [Test]
    public void Models_begin_with_an_embedding_whose_table_words_have_for_their_outputs_too()
    {
        PresetModel sizes = Architecture.Get("gru").Sized(24, 1);
        using Sequential characters = Model("charlm", sizes);
        using Sequential words = Model("wordlm", sizes);
        using Sequential projected = Model(
            "wordlm",
            sizes with
            {
                Embedding = 10,
                EmbeddingDropout = 0.1f,
                Dropout = 0.2f,
            }
        );
        Assert.That(
            Kinds(characters),
            Is.EqualTo(new[] { typeof(Embedding), typeof(Gru), typeof(Linear) })
        );
        Assert.That(
            Kinds(words),
            Is.EqualTo(new[] { typeof(Embedding), typeof(Gru), typeof(TiedLinear) })
        );
        Assert.That(
            Kinds(projected),
            Is.EqualTo(
                new[]
                {
                    typeof(Embedding),
                    typeof(Dropout),
                    typeof(Gru),
                    typeof(Dropout),
                    typeof(Linear),
                    typeof(TiedLinear),
                }
            )
        );
        SequenceTask stream = Entry("wordlm")
            .CreateStream(8, Entry("wordlm").Load(TextOf("wordlm")));
        using Sequential of = Architecture.Get("gru").Create(stream, 24, 1);
        // Five words and the end of a line.
        Assert.That(of.ParameterCount, Is.EqualTo((6 * 24) + (3 * 24 * 50) + 6));

        static Sequential Model(string task, PresetModel sizes) =>
            Architecture.Get("gru").Create(Entry(task).Ends, sizes);

        static IEnumerable<Type> Kinds(Sequential model) =>
            model.Children.Select(child => child.Layer.GetType());
    }

    [Test]
    public void Train_learns_what_follows(
        [ValueSource(nameof(Tasks))] string task,
        [Values] bool carry
    )
    {
        string json = PathOf("train.json");
        ProgramResult result = InProcess.Run(
            $"train --arch gru --task {task} --length 8 --batch 8 --hidden 24 --steps 300 --lr 0.01{(carry ? " --carry" : "")} --data",
            [TextOf(task), "--json", json]
        );
        result.RequireSuccess();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement root = document.RootElement;
        Assert.That(root.GetProperty("task").GetString(), Is.EqualTo(task));
        double loss = root.GetProperty("final").GetDouble();
        Assert.That(loss, Is.LessThan(0.5));
        Assert.That(
            root.GetProperty("final_score").GetDouble(),
            Is.EqualTo(task == "charlm" ? loss / Math.Log(2) : Math.Exp(loss)).Within(1e-6)
        );
        Assert.That(
            root.GetProperty("score").GetString(),
            Is.EqualTo(task == "charlm" ? "bits a character" : "perplexity")
        );
    }

    [Test]
    public void A_run_goes_on_bit_for_bit_with_the_same_text_and_no_other(
        [ValueSource(nameof(Tasks))] string task,
        [Values("", "--carry ", "--context 3 ")] string windows
    )
    {
        string text = TextOf(task);
        bool carry = windows == "--carry ";
        string whole = PathOf("whole");
        Train("8", "--checkpoint", whole).RequireSuccess();
        Train("3", "--checkpoint", Saved).RequireSuccess();
        byte[] half = File.ReadAllBytes(Saved);

        Resume("--data", text, "--checkpoint", PathOf("rest")).RequireSuccess();
        Resume("--data", text, "--checkpoint", Saved).RequireSuccess();
        if (!carry)
            Assert.That(File.ReadAllBytes(Saved), Is.EqualTo(File.ReadAllBytes(whole)));
        Assert.That(Parameters(Saved), Is.EqualTo(Parameters(whole)));
        File.WriteAllBytes(Saved, half);

        Resume().RequireFailure(2, $"--data FILE is needed for {task}", "a text of your own");
        Resume("--data", Write("other", (task == "charlm" ? Letters : Words) + "x"))
            .RequireFailure(1, "--resume", "'data'", "other");
        Resume("--data", text, "--json", text).RequireFailure(2, "--json would overwrite", text);

        ProgramResult Train(string steps, params string[] more) =>
            InProcess.Run(
                $"train --arch lru --task {task} {windows}{Small} --data",
                [text, "--steps", steps, .. more]
            );

        ProgramResult Resume(params string[] more) =>
            InProcess.Run("train --resume", [Saved, "--steps", "8", .. more]);

        // Times differ where there are epochs.
        static float[] Parameters(string path)
        {
            using SafetensorsFile file = Safetensors.Open(path);
            return
            [
                .. file
                    .Entries.Where(entry =>
                        entry.Name.StartsWith("model.", StringComparison.Ordinal)
                        || entry.Name.StartsWith("extra.carried.", StringComparison.Ordinal)
                    )
                    .SelectMany(entry => file.ReadFloats(entry.Name)),
            ];
        }
    }

    [Test]
    public void A_vocabulary_is_limited_and_goes_on_so()
    {
        string text = TextOf("wordlm");
        const string common = $"--task wordlm --vocabulary 4 {Small}";
        ProgramResult trained = InProcess.Run(
            $"train --arch gru {common} --steps 2 --data",
            [text, "--checkpoint", Saved]
        );
        trained.RequireSuccess();
        Assert.That(trained.Output, Does.Contain("4 words"));
        using (SafetensorsFile file = Safetensors.Open(Saved))
            Assert.That(file.Find("model.0.weight")!.ToString(), Does.Contain("[4, 6]"));
        InProcess.Run("train --resume", [Saved, "--steps", "3", "--data", text]).RequireSuccess();
        InProcess
            .Run("train --resume", [Saved, "--steps", "3", "--data", text, "--vocabulary", "5"])
            .RequireFailure(2, "--vocabulary is 5", "made with 4");
        InProcess
            .Run($"bench --arch gru {common} --steps 1 --warmup 0 --data", text)
            .RequireSuccess();
        InProcess
            .Run("bench --arch gru --task adding --vocabulary 5 --length 20")
            .RequireFailure(2, "--vocabulary", "charlm, wordlm");
        InProcess
            .Run($"train --arch gru --task charlm --vocabulary 20 {Small} --data", TextOf("charlm"))
            .RequireFailure(1, "--data", "has 26 characters", "at most 20");
    }

    [Test]
    public void Texts_that_cannot_be_learned_are_told_before_the_work_begins(
        [ValueSource(nameof(Tasks))] string task
    )
    {
        string empty = Write("empty", "");
        string few = Write("few", "a b c d e f g h i j k l m n o p q r s t\n");
        string latin = PathOf("latin");
        File.WriteAllBytes(latin, [.. Encoding.ASCII.GetBytes(Letters), 0xE9, 0x20]);
        string lacking = PathOf("lacking");
        Write("lacking/train.txt", Letters);
        Directory.CreateDirectory(PathOf("nothing"));
        Assert.Multiple(() =>
        {
            Refused(empty, $"'{empty}' is empty");
            Refused(few, $"'{few}' is too short for sequences of", "its part");
            Refused(PathOf("none"), "no file", PathOf("none"));
            Refused(latin, "no text in UTF-8", "0xE9 at 4000, in line 1");
            Refused(lacking, "lacks valid.txt, test.txt");
            Refused(PathOf("nothing"), "no text in three parts", "train.txt, valid.txt, test.txt");
        });
        InProcess
            .Run($"train --arch rnn --task {task} {Small}")
            .RequireFailure(2, $"--data FILE is needed for {task}");
        InProcess
            .Run($"reproduce --task {task},jsb --data", TextOf(task))
            .RequireFailure(2, $"--data is one file for {task}", "not with jsb");

        void Refused(string path, params string[] words)
        {
            foreach (
                string command in (string[])
                    [
                        $"train --arch rnn --task {task} {Small}",
                        $"bench --arch rnn --task {task} {Small}",
                        $"reproduce --task {task} --arch rnn",
                    ]
            )
                InProcess.Run($"{command} --data", path).RequireFailure(1, ["--data", .. words]);
        }
    }

    [Test]
    public void What_cannot_carry_is_told()
    {
        InProcess
            .Run(
                $"train --arch tcn --task charlm --carry {Small} --steps 1 --data",
                TextOf("charlm")
            )
            .RequireFailure(2, "--carry", "tcn", "--context N");
        InProcess
            .Run("train --arch gru --task adding --carry --length 20 --steps 1")
            .RequireFailure(2, "--carry", "charlm, wordlm");
    }

    [Test]
    public void Outputs_in_the_context_of_a_window_do_not_count()
    {
        const int T = 8;
        const int Size = 4;
        TaskEntry entry = Entry("charlm");
        TaskData data = entry.Load(TextOf("charlm"));
        for (int context = 0; context < T; context++)
        {
            TrainingSets sets = entry.CreateWindows(T, 5, data, carry: false, context);
            TrainingSets whole = entry.CreateTraining(T, 5, data);
            Assert.That(sets.HeldOut.Count, Is.EqualTo(whole.HeldOut.Count));
            foreach (
                (Dataset set, Dataset other) in new[]
                {
                    (sets.Train, whole.Train),
                    (sets.HeldOut, whole.HeldOut),
                }
            )
            {
                var batch = new SequenceBatch(set, Size);
                batch.Load(set, [0, 1, 2, 3]);
                var same = new SequenceBatch(other, Size);
                same.Load(other, [0, 1, 2, 3]);
                Assert.That(batch.X.ToArray(), Is.EqualTo(same.X.ToArray()));
                Assert.That(set.IsWeighted, Is.EqualTo(context > 0));
                if (context == 0)
                    continue;
                for (int t = 0; t < T; t++)
                    Assert.That(batch.Weight(t, Size - 1), Is.EqualTo(t < context ? 0f : 1f));
            }
        }
        foreach (int wrong in (int[])[-1, T])
            Assert.That(
                () => entry.CreateWindows(T, 5, data, carry: false, wrong),
                Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("8 steps")
            );
        Assert.That(
            () => entry.CreateWindows(T, 5, data, carry: true, 1),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
    }

    // Which letter comes next is known by the last three, and by no fewer; two of the outputs of a window have seen fewer.
    [Test]
    public void A_TCN_is_judged_where_it_has_seen_enough()
    {
        string text = Write("x", string.Concat(Enumerable.Repeat("aaababbb", 700)));
        double without = Final("");
        double with = Final("--context 4 ");
        Assert.That(with, Is.LessThan(without / 2));

        double Final(string context)
        {
            string json = PathOf("c.json");
            ProgramResult result = InProcess.Run(
                $"train --arch tcn --layers 3 --hidden 8 --task charlm {context}--length 16 --batch 8 --lr 0.01 --steps 150 --threads 1 --json",
                [json, "--data", text]
            );
            result.RequireSuccess();
            Assert.That(result.Output.Contains("context 4"), Is.EqualTo(context.Length > 0));
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
            Assert.That(
                document.RootElement.TryGetProperty("context", out JsonElement told)
                    ? told.GetInt32()
                    : 0,
                Is.EqualTo(context.Length > 0 ? 4 : 0)
            );
            return document.RootElement.GetProperty("final").GetDouble();
        }
    }

    [Test]
    public void A_context_fits_its_windows_and_goes_on_as_it_was()
    {
        string text = TextOf("charlm");
        Train("--context", "8").RequireFailure(2, "--context must be below the 8 steps", "not 8");
        Train("--context", "2", "--carry").RequireFailure(2, "--context and --carry exclude");
        Train("--context", "2").RequireSuccess();
        Resume("--context", "3").RequireFailure(2, "--context is 3", "made with 2");
        Resume("--context", "2").RequireSuccess();
        Resume().RequireSuccess();
        SafetensorsEdit.Change(Saved, texts: texts => texts["context"] = "8");
        Resume().RequireFailure(1, "'8' for 'context'", "from 1 to 7");
        SafetensorsEdit.Change(
            Saved,
            texts: texts => (texts["context"], texts["carry"]) = ("2", "true")
        );
        Resume().RequireFailure(1, "'2' for 'context'", "left out where states are carried");

        ProgramResult Train(params string[] more) =>
            InProcess.Run(
                $"train --arch gru --task charlm {Small} --steps 1 --data",
                [text, "--checkpoint", Saved, .. more]
            );

        ProgramResult Resume(params string[] more) =>
            InProcess.Run("train --resume", [Saved, "--steps", "2", "--data", text, .. more]);
    }

    [Test]
    public void A_loss_of_nothing_is_told_as_0()
    {
        string text = Write("x", new string('a', 1000));
        ProgramResult result = InProcess.Run(
            $"train --arch gru --task charlm {Small} --steps 1 --data",
            text
        );
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Contain("held-out cross-entropy 0, bits a character 0 after 1 step")
        );
    }

    [Test]
    public void The_task_that_was_called_text_is_told_by_its_name()
    {
        foreach (string command in (string[])["train --arch gru", "bench", "reproduce"])
            InProcess
                .Run($"{command} --task text --data", TextOf("charlm"))
                .RequireFailure(2, "--task", "'text' is called charlm now");
    }

    [Test]
    public void A_folder_has_the_parts()
    {
        foreach (string part in (string[])["train", "valid", "test"])
            Write($"penn/ptb.{part}.txt", Words);
        ProgramResult result = InProcess.Run(
            $"train --arch gru --task wordlm {Small} --steps 1 --data",
            PathOf("penn")
        );
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("6 words"));
        InProcess
            .Run(
                $"train --arch gru --task wordlm {Small} --steps 1 --data",
                [PathOf("penn"), "--json", PathOf("penn/ptb.valid.txt")]
            )
            .RequireFailure(2, "--json would overwrite", "ptb.valid.txt");
    }

    [Test]
    public void Bench_and_profile_measure_it_and_reproduce_trains_its_presets()
    {
        string text = TextOf("charlm");
        foreach (string command in (string[])["bench --steps 2 --warmup 1", "profile --steps 1"])
        {
            foreach (string task in Tasks)
                InProcess
                    .Run(
                        $"{command} --arch lstm --layers 2 --task {task} {Small} --data",
                        TextOf(task)
                    )
                    .RequireSuccess();
        }
        ProgramResult trained = InProcess.Run(
            "reproduce --task charlm --arch gru --budget 0.0001 --checkpoint",
            [PathOf("runs"), "--data", Write("long", string.Concat(Enumerable.Repeat(Letters, 3)))]
        );
        trained.RequireSuccess();
        Assert.That(trained.Output, Does.Match("charlm gru 300k +300568 +bits a character"));
    }

    // Each is planned as it is trained, for a step of one sequence.
    [Test]
    public void Every_preset_can_be_trained_as_it_says()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        Preset[] presets = [.. Presets.All.Where(p => Tasks.Contains(p.Task))];
        Assert.That(
            presets.Select(p => (p.Task, p.Name)).Distinct(),
            Is.EquivalentTo(
                new[]
                {
                    ("charlm", "300k"),
                    ("charlm", "ptb-3m"),
                    ("charlm", "text8-5m"),
                    ("wordlm", "ptb-13m"),
                }
            )
        );
        foreach (Preset preset in presets)
        {
            using Sequential model = preset.CreateModel();
            using Plan plan = model.Plan(
                backend,
                1,
                1,
                Mode.Evaluation,
                new PlanOptions { Carry = preset.OptionsFor(1, 100).Carry }
            );
            // What begins anew in each window has some steps before those that count.
            Assert.That(
                preset.OptionsFor(1, 100).Carry,
                Is.EqualTo((preset.Windows?.Context ?? 0) == 0),
                $"{preset}"
            );
        }
    }

    [Test]
    public void A_text_with_more_characters_than_a_preset_has_is_refused()
    {
        string many = Write(
            "many",
            string.Concat(Enumerable.Range(0, 9000).Select(i => (char)(0x4E00 + (i % 200))))
        );
        InProcess
            .Run("reproduce --task charlm --arch gru --budget 0.0001 --data", many)
            .RequireFailure(1, "--data", "has 200 characters", "at most 128");
    }
}
