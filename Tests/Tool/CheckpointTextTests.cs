using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Files;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>
/// Checkpoints whose texts somebody wrote to do harm, or by mistake: a line names file, text, what it says and what is allowed,
/// and no terminal is told anything else.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed class CheckpointTextTests : FolderTest
{
    private const string Hostile = "\u001b]0;owned\a\u001b[2Jcpu\r\nsequor: all is well\u202e";

    private const string Shown =
        "\\u001b]0;owned\\u0007\\u001b[2Jcpu\\r\\nsequor: all is well\\u202e";

    private string Saved => PathOf("saved");

    [SetUp]
    public void Train() =>
        InProcess
            .Run(
                "train --arch gru --length 5 --batch 2 --hidden 3 --steps 2 --threads 1 --checkpoint",
                Saved
            )
            .RequireSuccess();

    private ProgramResult Resume(string key, string? text)
    {
        SafetensorsEdit.Change(
            Saved,
            texts: texts =>
            {
                if (text is null)
                    texts.Remove(key);
                else
                    texts[key] = text;
            }
        );
        return InProcess.Run("train", "--resume", Saved, "--steps", "3");
    }

    private static IEnumerable<object[]> OtherNames =>
        [
            ["task", "sorting", string.Join(", ", Sequor.Workloads.Tasks.Names)],
            ["arch", "GRU", string.Join(", ", Listed.Architectures)],
            ["optimizer", "adan", string.Join(", ", Listed.Optimizers)],
        ];

    [TestCase("threads", "-1", "from 1 to 1024")]
    [TestCase("threads", "0", "from 1 to 1024")]
    [TestCase("threads", "100000", "from 1 to 1024")]
    [TestCase("threads", " 2", "from 1 to 1024")]
    [TestCase("threads", "2.0", "from 1 to 1024")]
    [TestCase("threads", "", "from 1 to 1024")]
    [TestCase("device", "cuda:65536", "cpu or cuda:N")]
    [TestCase("device", "gpu", "cpu or cuda:N")]
    [TestCaseSource(nameof(OtherNames))]
    [TestCase("length", "0", "from 1 to 100000000")]
    [TestCase("length", "1", "at least 2", "adding")]
    [TestCase("length", "99999999999999999999", "from 1 to 100000000")]
    [TestCase("batch", "1099511627776", "from 1 to 1000000")]
    [TestCase("batch", "-2", "from 1 to 1000000")]
    [TestCase("hidden", "1000001", "from 1 to 1000000")]
    [TestCase("states", "5", "gru has no states", "lru")]
    [TestCase("context", "2", "left out", "adding")]
    [TestCase("hidden", "1000000", "gru")]
    [TestCase("layers", "0", "from 1 to")]
    [TestCase("layers", "1000000", "from 1 to")]
    [TestCase("lr", "NaN", "above 0")]
    [TestCase("lr", "1e308", "above 0")]
    [TestCase("lr", "-0.1", "above 0")]
    [TestCase("lr", "0", "above 0")]
    [TestCase("lr", "Infinity", "above 0")]
    [TestCase("clip", "NaN", "or none")]
    [TestCase("clip", "0", "or none")]
    [TestCase("clip", "Infinity", "or none")]
    [TestCase("seed", "-1", "from 0 to 18446744073709551615")]
    [TestCase("seed", "18446744073709551616", "from 0 to 18446744073709551615")]
    public void What_no_option_may_say_is_refused(string key, string text, params string[] allowed)
    {
        ProgramResult result = Resume(key, text);
        result.RequireFailure(
            1,
            ["--resume", Saved, $"'{text}' for '{key}'", "allowed:", .. allowed]
        );
        Assert.That(result.Output, Is.Empty);
    }

    [TestCase("states", "5", "bidirectional", "true", "gru cannot be asked")]
    [TestCase("task", "listops", "length", "20000", "8 to 10000 for the task listops")]
    public void Of_two_texts_the_one_that_is_wrong_is_told(
        string other,
        string otherText,
        string key,
        string text,
        string allowed
    )
    {
        SafetensorsEdit.Change(Saved, texts: texts => texts[other] = otherText);
        Resume(key, text).RequireFailure(1, "--resume", $"'{text}' for '{key}'", allowed);
    }

    [Test]
    public void Control_characters_are_told(
        [Values(
            "threads",
            "device",
            "task",
            "arch",
            "optimizer",
            "length",
            "batch",
            "hidden",
            "layers",
            "lr",
            "clip",
            "seed",
            "format",
            "sequor.position",
            "sequor.random_step",
            "sequor.random_seed",
            "sequor.optimizer",
            "sequor.optimizer_settings"
        )]
            string key
    )
    {
        ProgramResult result = Resume(key, Hostile);
        result.RequireFailure(1, "--resume", Saved, Shown);
        RequirePrintable(result);
    }

    [TestCase("task")]
    [TestCase("lr")]
    [TestCase("sequor.position")]
    public void One_that_is_missing_is_named(string key) =>
        Resume(key, null).RequireFailure(1, "--resume", Saved, $"'{key}'");

    [Test]
    public void Older_ones_need_not_say_where_they_ran()
    {
        SafetensorsEdit.Change(
            Saved,
            texts: texts =>
            {
                texts.Remove("threads");
                texts.Remove("device");
            }
        );
        InProcess
            .Run("train", "--resume", Saved, "--steps", "3", "--threads", "1")
            .RequireSuccess();
    }

    [Test]
    public void Steps_beyond_all_that_can_be_asked_for_are_refused() =>
        Resume("sequor.position", "9223372036854775807")
            .RequireFailure(1, "--resume", Saved, "9223372036854775807", "at most 1000000000");

    [Test]
    public void Names_of_tensors_are_told_likewise()
    {
        var tensors = new List<SafetensorsTensor>
        {
            SafetensorsTensor.Of(Hostile, (float[])[1], 1),
        };
        Dictionary<string, string> texts;
        using (SafetensorsFile file = Safetensors.Open(Saved))
        {
            texts = new(file.Metadata);
            tensors.AddRange(
                file.Entries.Select(e =>
                    SafetensorsTensor.Of(e.Name, file.ReadFloats(e.Name), [.. e.Shape])
                )
            );
        }
        Safetensors.WriteChecked(Saved, tensors, texts);
        ProgramResult result = InProcess.Run("train", "--resume", Saved, "--steps", "3");
        result.RequireFailure(1, "--resume", Saved, Shown, "none here");
        RequirePrintable(result);
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "no such names of files")]
    public void Names_of_files_are_told_likewise()
    {
        string odd = PathOf("odd\u001b[31m\u0007name");
        ProgramResult none = InProcess.Run("train", "--resume", odd);
        none.RequireFailure(1, "--resume", "odd\\u001b[31m\\u0007name");
        RequirePrintable(none);
        File.Move(Saved, odd);
        ProgramResult some = InProcess.Run("train --steps 3 --checkpoint", odd, "--resume", odd);
        some.RequireSuccess();
        Assert.That(some.Output, Does.Contain("odd\\u001b[31m\\u0007name"));
        RequirePrintable(some);
    }

    [TestCase("threads", "-1", "allowed: a whole number from 1 to 1024")]
    [TestCase("device", Hostile, "allowed: cpu or cuda:N")]
    [TestCase("peak_bytes", "-1", "allowed: a whole number from 0 to")]
    [TestCase("task", Hostile, "does not fit")]
    [TestCase("settings", Hostile, "does not fit")]
    [TestCase("data", Hostile, "does not fit")]
    [TestCase("training.options", Hostile, "does not fit")]
    [TestCase("training.seconds", "1e308", "seconds from 0 to 1e9 must stand")]
    [TestCase("training.seconds", Hostile, "must stand")]
    public void Reproductions_check_theirs(string key, string text, string message)
    {
        string songs = Songs.Write(Folder);
        string[] run =
        [
            .. "reproduce --task jsb --arch gru --preset 20k --budget 0.0001 --threads 1".Split(
                ' '
            ),
            "--data",
            songs,
            "--checkpoint",
            PathOf("runs"),
        ];
        InProcess.Run(run).RequireSuccess();
        string file = Path.Combine(PathOf("runs"), "jsb-gru-20k-seed1.safetensors");
        SafetensorsEdit.Change(file, texts: texts => texts[key] = text);

        ProgramResult result = InProcess.Run(run);

        result.RequireFailure(1, "--checkpoint", file, key, message);
        Assert.That(result.Error, Does.Contain(text == Hostile ? Shown : text));
        RequirePrintable(result);
    }

    [Test]
    public void Variables_of_music_files_are_told_likewise()
    {
        byte[] bytes = Songs.File();
        int at = bytes.AsSpan().IndexOf("testdata"u8);
        Assert.That(at, Is.Positive);
        "test\u001b[7m"u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(PathOf("songs.mat"), bytes);
        ProgramResult result = InProcess.Run("reproduce --task jsb --data", PathOf("songs.mat"));
        result.RequireFailure(1, "--data", "no variable 'testdata'", "test\\u001b[7m");
        RequirePrintable(result);
    }

    [Test]
    public void Words_of_the_command_line_are_told_likewise()
    {
        ProgramResult result = InProcess.Run("bench", "--arch", Hostile);
        result.RequireFailure(2, "--arch must be", Shown);
        RequirePrintable(result);
    }

    private static void RequirePrintable(ProgramResult result)
    {
        foreach (string text in (string[])[result.Output, result.Error])
            Assert.That(text.Where(c => c != '\n'), Has.None.Matches<char>(char.IsControl));
        Assert.That(result.Output + result.Error, Does.Not.Contain('\u202e'));
    }
}
