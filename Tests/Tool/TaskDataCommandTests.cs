using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>Commands on tasks whose data decide lengths, or come in several files: smnist, listops, music.</summary>
[TestFixture]
public sealed class TaskDataCommandTests : FolderTest
{
    private string Saved => PathOf("saved");

    private string Json => PathOf("out.json");

    private JsonNode Report => JsonNode.Parse(File.ReadAllBytes(Json))!;

    private string Made(string task)
    {
        string folder = Directory.CreateDirectory(PathOf(task)).FullName;
        if (task is "smnist" or "pmnist")
            MnistFiles.Write(folder, 20, 5, gzip: true);
        else if (task == "listops")
            ListOpsFiles.Write(folder, 11, 5);
        else
            File.WriteAllBytes(Path.Combine(folder, "JSB_Chorales.mat"), Songs.File());
        return folder;
    }

    private static ProgramResult Run(
        string command,
        string task,
        string data,
        params string[] more
    ) =>
        InProcess.Run(
            $"{command} --task {task} --arch gru --batch 4 --hidden 3 --threads 1 --data",
            [data, .. more]
        );

    [TestCase("smnist", "accuracy", 784)]
    [TestCase("pmnist", "accuracy", 784)]
    [TestCase("jsb", "nll", 0)]
    public void Train_goes_through_finite_data_in_epochs_and_bench_measures_their_length(
        string task,
        string score,
        int length
    )
    {
        string data = Made(task);
        TaskEntry entry = Sequor.Workloads.Tasks.Get(task);
        TaskSets sets = entry.CreateSets(0, 0, 1, entry.Load(data));
        int epoch = (sets.Train.Count!.Value + 3) / 4;
        int longest = length > 0 ? length : Math.Max(sets.Train.Longest, sets.Valid.Longest);
        string steps = $"{(2 * epoch) + 1}";

        ProgramResult trained = Run("train", task, data, "--steps", steps, "--json", Json);

        trained.RequireSuccess();
        Assert.That((int)Report["length"]!, Is.EqualTo(longest));
        Assert.That((string?)Report["score"], Is.EqualTo(score));
        Assert.That(
            Report["held_out"]!.AsArray().Select(pair => (int)pair![0]!),
            Is.EqualTo(new[] { epoch, 2 * epoch, (2 * epoch) + 1 }),
            "after each epoch and at the end"
        );
        double final = (double)Report["final"]!;
        double told = (double)Report["final_score"]!;
        if (score == "accuracy")
            Assert.That(told, Is.InRange(0, 100).And.EqualTo(50 * Math.Round(told / 50)));
        else
            Assert.That(told, Is.EqualTo(final));
        Assert.That(
            trained.Output,
            Does.Contain(score == "accuracy" ? "held-out cross-entropy" : "held-out nll")
        );

        ProgramResult measured = Run(
            "bench",
            task,
            data,
            "--steps",
            "1",
            "--warmup",
            "1",
            "--json",
            Json
        );

        measured.RequireSuccess();
        Assert.That((int)Report["results"]![0]!["length"]!, Is.EqualTo(longest));
        Assert.That((int)Report["results"]![0]!["sequence_length"]!, Is.EqualTo(longest));
        Run("bench", task, data, "--length", "10")
            .RequireFailure(2, "--length", task, "leave it out");
        Run("bench", task, data, "--sweep", "10,20").RequireFailure(2, "--sweep", task);
        Run("train", task, data, "--length", "10").RequireFailure(2, "--length", task);
    }

    [TestCase("smnist")]
    [TestCase("listops")]
    public void Train_resumes_finite_data_bit_for_bit_and_no_others(string task)
    {
        string data = Made(task);
        string[] size = task == "listops" ? ["--length", "24"] : [];
        Run("train", task, data, ["--steps", "8", "--checkpoint", PathOf("whole"), .. size])
            .RequireSuccess();
        Run("train", task, data, ["--steps", "3", "--checkpoint", Saved, .. size]).RequireSuccess();
        byte[] half = File.ReadAllBytes(Saved);

        Resume(data).RequireSuccess();
        Assert.That(Values(Saved), Is.EqualTo(Values(PathOf("whole"))));
        File.WriteAllBytes(Saved, half);
        string other = Directory.CreateDirectory(PathOf("other")).FullName;
        if (task == "listops")
            ListOpsFiles.Write(other, 12, 5);
        else
            MnistFiles.Write(other, 21, 5, gzip: false);
        Resume(other).RequireFailure(1, "--resume", "'data'", other);
        Assert.That(File.ReadAllBytes(Saved), Is.EqualTo(half));

        ProgramResult Resume(string from) =>
            InProcess.Run(
                "train --resume",
                [Saved, "--steps", "8", "--data", from, "--checkpoint", Saved]
            );

        // The header before them has the time that it took.
        static byte[] Values(string path)
        {
            byte[] file = File.ReadAllBytes(path);
            return file[(8 + (int)BitConverter.ToUInt64(file))..];
        }
    }

    [Test]
    public void Listops_is_drawn_where_no_files_are_given()
    {
        ProgramResult drawn = InProcess.Run(
            "train --task listops --length 16 --arch gru --batch 4 --hidden 3 --threads 1 --steps 2 --json",
            Json
        );
        drawn.RequireSuccess();
        Assert.That((string?)Report["score"], Is.EqualTo("accuracy"));
        Assert.That((int)Report["length"]!, Is.EqualTo(16));
        string data = Made("listops");
        Run("train", "listops", data, "--length", "9", "--steps", "1")
            .RequireFailure(1, "--data", "at most 9");
        Run("bench", "listops", data, "--length", "24", "--steps", "1", "--warmup", "1")
            .RequireSuccess();
    }

    [Test]
    public void A_folder_of_folders_has_the_data_of_several_tasks()
    {
        string data = Made("smnist");
        Made("jsb");
        foreach (string folder in (string[])[Folder, data])
            Run("train", "smnist", folder, "--steps", "1").RequireSuccess();
        Run("train", "jsb", Folder, "--steps", "1").RequireSuccess();
        Run("train", "listops", Folder, "--steps", "1")
            .RequireFailure(
                1,
                "--data",
                "basic_train.tsv, basic_val.tsv, basic_test.tsv",
                "listops"
            );
    }

    [TestCase("train --arch gru --steps 1")]
    [TestCase("bench --arch gru --steps 1")]
    [TestCase("profile --arch gru --steps 1")]
    [TestCase("reproduce --arch gru")]
    public void One_image_is_too_few_as_one_is_held_out(string command)
    {
        MnistFiles.Write(Folder, 1, 1, gzip: false);
        ProgramResult result = InProcess.Run($"{command} --task smnist --threads 1 --data", Folder);
        result.RequireFailure(1, $": --data: '{Folder}' has one image to train on", "at least 2");
        Assert.That(result.Output, Is.Empty);
    }

    // The data never come: a program that only noted the signal would wait for them for ever.
    [TestCase("train --arch rnn --checkpoint saved", "INT", 130)]
    [TestCase("bench", "TERM", 143)]
    [TestCase("profile", "HUP", 129)]
    [TestCase("reproduce", "TERM", 143)]
    [Platform(Exclude = "Win", Reason = "no signals to send")]
    public void A_signal_while_data_are_read_ends_it_at_once(
        string command,
        string signal,
        int code
    )
    {
        ProgramResult result = Program.RunScript(
            Folder,
            $"""
            set -m
            mkfifo text; echo old >json
            "$sequor" {command} --task charlm --data text --threads 1 --json json >out 2>err &
            exec 3>text; kill -s {signal} $!; wait $!; echo $?; cat json out err; ls saved* 2>/dev/null
            """
        );
        Assert.That(result.Output, Is.EqualTo($"{code}\nold\n"), "nor is a lock left");
    }

    [Test]
    public void Missing_files_are_told_with_their_source_and_sizes()
    {
        string data = Made("smnist");
        File.Delete(Path.Combine(data, "t10k-labels-idx1-ubyte.gz"));
        Run("train", "smnist", data)
            .RequireFailure(
                1,
                "--data",
                data,
                "t10k-labels-idx1-ubyte (10,008 bytes, or with .gz)",
                "LeCun",
                "smnist"
            );
        InProcess
            .Run("train --task smnist --arch gru")
            .RequireFailure(
                2,
                "--data FOLDER is needed for smnist",
                "train-images-idx3-ubyte (47,040,016 bytes, or with .gz), train-labels",
                "yann.lecun.com"
            );
        string file = Path.Combine(data, "train-labels-idx1-ubyte.gz");
        Run("train", "smnist", file).RequireFailure(2, "--data must be a folder", file);
    }

    [Test]
    public void Files_of_data_are_not_overwritten_by_results()
    {
        string data = Made("smnist");
        string file = Path.Combine(data, "train-labels-idx1-ubyte.gz");
        byte[] before = File.ReadAllBytes(file);
        foreach (string command in (string[])["train", "bench", "profile"])
            Run(command, "smnist", data, "--json", file)
                .RequireFailure(2, "--json would overwrite", file);
        Assert.That(File.ReadAllBytes(file), Is.EqualTo(before));
    }

    [Test]
    public void Damaged_files_are_told_before_the_work_begins()
    {
        string data = Made("smnist");
        string images = Path.Combine(data, "train-images-idx3-ubyte.gz");
        byte[] good = File.ReadAllBytes(images);
        File.WriteAllText(Json, "old");
        foreach (
            (byte[] bytes, string word) in ((byte[], string)[])
                [
                    (good[..^9], "gzip"),
                    (good[..(good.Length / 2)], "must have 15680 bytes"),
                    ([], "is empty"),
                    ("hello, world"u8.ToArray(), "no IDX file"),
                ]
        )
        {
            File.WriteAllBytes(images, bytes);
            Run("train", "smnist", data, "--json", Json, "--checkpoint", Saved)
                .RequireFailure(1, "--data", images, word);
            Assert.That(File.ReadAllText(Json), Is.EqualTo("old"));
            Assert.That(File.Exists(Saved), Is.False);
        }
        File.WriteAllBytes(images, good);
        string labels = Path.Combine(data, "train-labels-idx1-ubyte.gz");
        File.WriteAllBytes(labels, MnistFiles.Gzip(MnistFiles.Idx(8, [20], [.. new byte[19], 10])));
        Run("train", "smnist", data)
            .RequireFailure(1, "--data", labels, "image 19", "0 to 9, not 10");
    }
}
