using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>Files of data that are none, and checkpoints that are of something else.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class ReproduceDataTests : ReproduceFixture
{
    private static readonly MatWriter Mat = new();

    private static IEnumerable<TestCaseData> BadFiles()
    {
        byte[] good = Songs.File();
        byte[] packed = Songs.File(compressed: true);
        byte[] corrupt = [.. packed];
        corrupt[packed.Length / 2] ^= 0x55;
        yield return Case("empty", [], "is empty");
        yield return Case("a header cut short", good[..100], "100 bytes", "128");
        yield return Case("truncated", good[..^40], "byte");
        yield return Case("truncated and compressed", packed[..^9], "byte");
        yield return Case("corrupt", corrupt, "byte");
        yield return Case("no MAT-file", new byte[300], "byte 126", "level-5");
        yield return Case(
            "one variable alone",
            Mat.File(Mat.Cells("traindata", Mat.Roll(Songs.Piece(0, 0)))),
            "no variable 'validdata'",
            "traindata"
        );
        yield return Case("numbers for cells", File("x", Numbers("traindata")), "expected cells");
        yield return Case(
            "a text for a roll",
            File("traindata", Mat.Array("", MatWriter.CharClass, [1, 2], Mat.Element(4, [65, 0]))),
            "'traindata', piece 1",
            "expected numbers"
        );
        yield return Case(
            "87 keys",
            File("testdata", Mat.Roll(Songs.Roll(5, 1, keys: 87))),
            "'testdata', piece 1",
            "88 keys",
            "[5, 87]"
        );
        byte[,] loud = Songs.Roll(5, 1);
        loud[3, 7] = 2;
        yield return Case(
            "a value of 2",
            File("validdata", Mat.Roll(loud)),
            "frame 4, key 8",
            "0 or 1, not 2"
        );

        static TestCaseData Case(string name, byte[] file, params string[] words) =>
            new TestCaseData(file, words).SetArgDisplayNames(name);

        // The three sets, of which one is the given cell, or is the given array.
        static byte[] File(string wrong, byte[] cell) =>
            Mat.File([
                .. wrong == "x" ? [cell] : Array.Empty<byte[]>(),
                .. ((string[])["traindata", "validdata", "testdata"])
                    .Where(name => wrong != "x" || name != "traindata")
                    .Select(name =>
                        Mat.Cells(name, name == wrong ? cell : Mat.Roll(Songs.Piece(0, 0)))
                    ),
            ]);

        static byte[] Numbers(string name) =>
            Mat.Array(
                name,
                MatWriter.DoubleClass,
                [1, 2],
                Mat.Element(MatWriter.Double, Mat.Doubles(1, 0))
            );
    }

    [TestCaseSource(nameof(BadFiles))]
    public void A_file_that_holds_no_music_is_refused_with_the_place(byte[] file, string[] words)
    {
        string json = PathOf("old.json");
        File.WriteAllText(json, "old");
        File.WriteAllBytes(Data, file);

        ProgramResult result = Run("--arch", "gru", "--json", json, "--checkpoint", Checkpoints);

        result.RequireFailure(1, ["--data", "songs.mat", .. words]);
        Assert.That(result.Output, Is.Empty);
        Assert.That(File.ReadAllText(json), Is.EqualTo("old"));
        Assert.That(Names(), Is.EqualTo(new[] { "old.json", "songs.mat" }));
    }

    [Test]
    public void Of_several_files_a_bad_one_is_told_before_the_first_run()
    {
        File.WriteAllBytes(PathOf("JSB_Chorales.mat"), Songs.File());
        File.WriteAllBytes(PathOf("Piano_midi.mat"), Songs.File()[..^40]);

        ProgramResult result = Program.Run("reproduce", "--task", "jsb,piano", "--data", Folder);

        result.RequireFailure(1, "--data", "Piano_midi.mat");
        Assert.That(result.Output, Is.Empty);
    }

    [Test]
    public void A_checkpoint_of_another_run_is_refused_and_kept()
    {
        Run("--arch", "gru", "--checkpoint", Checkpoints, "--budget", "0.0001").RequireSuccess();
        byte[] saved = File.ReadAllBytes(SavedGru);

        Refused("jsb-tcn-20k-seed1", ["--arch", "tcn"], "arch: gru in the file, tcn here");
        // Those that would run before it do not either.
        Refused("jsb-rnn-20k-seed1", ["--arch", "gru,rnn"], "arch: gru in the file, rnn here");
        Refused("jsb-gru-20k-seed2", ["--arch", "gru", "--seed", "2"], "seed: 1 in the file, 2");
        Refused("jsb-gru-300k-seed1", ["--arch", "gru", "--preset", "300k"], "preset: 20k in");
        Refused("piano-gru-20k-seed1", ["--task", "piano", "--arch", "gru"], "task: jsb in");
        var mat = new MatWriter();
        byte[] roll = mat.Roll(Songs.Roll(5, 77));
        File.WriteAllBytes(
            Data,
            mat.File(
                mat.Cells("traindata", roll),
                mat.Cells("validdata", roll),
                mat.Cells("testdata", roll)
            )
        );
        Refused("jsb-gru-20k-seed1", ["--arch", "gru"], "data: ");

        void Refused(string name, string[] options, string difference)
        {
            string path = Path.Combine(Checkpoints, name + ".safetensors");
            File.WriteAllBytes(path, saved);
            ProgramResult result = Run([.. options, "--checkpoint", Checkpoints]);
            result.RequireFailure(1, "--checkpoint", path, difference);
            Assert.That(result.Output, Is.Empty);
            Assert.That(File.ReadAllBytes(path), Is.EqualTo(saved));
            if (path != SavedGru)
                File.Delete(path);
        }
    }

    [Test]
    public void The_same_music_in_a_file_of_another_form_goes_on()
    {
        Run("--arch", "gru", "--checkpoint", Checkpoints, "--budget", "0.0001").RequireSuccess();
        File.WriteAllBytes(Data, Songs.File(bigEndian: true, compressed: true));

        ProgramResult result = Run([
            "--arch",
            "gru",
            "--checkpoint",
            Checkpoints,
            "--budget",
            "0.0002",
        ]);

        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("goes on after step"));
    }

    [Test]
    public void A_damaged_checkpoint_is_refused_and_kept()
    {
        Directory.CreateDirectory(Checkpoints);
        Run("--arch", "gru", "--checkpoint", Checkpoints, "--budget", "0.0001").RequireSuccess();
        byte[] saved = File.ReadAllBytes(SavedGru);
        foreach (
            byte[] bad in (byte[][])
                [
                    [],
                    saved[..20],
                    saved[..^10],
                    new byte[500],
                ]
        )
        {
            File.WriteAllBytes(SavedGru, bad);
            Run("--arch", "gru", "--checkpoint", Checkpoints)
                .RequireFailure(1, "--checkpoint", SavedGru);
            Assert.That(File.ReadAllBytes(SavedGru), Is.EqualTo(bad));
        }
    }

    private ProgramResult Run(params string[] options)
    {
        string[] task = options.Contains("--task") ? [] : ["--task", "jsb"];
        string[] preset = options.Contains("--preset") ? [] : ["--preset", "20k"];
        return Program.Run(["reproduce", .. task, .. preset, "--data", Data, .. options]);
    }
}
