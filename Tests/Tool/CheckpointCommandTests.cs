using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Files;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>Checkpoints of runs that are killed, damaged, run twice at a time, or cannot be written for a while.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class CheckpointCommandTests : FolderTest
{
    private const string Endless = "100000000";

    private static readonly string[] Small =
        "train --arch gru --length 12 --hidden 6 --batch 4 --threads 1".Split(' ');

    private string Saved => PathOf("saved");

    private string[] Saving(string steps, params string[] more) =>
        [.. Small, "--steps", steps, "--checkpoint", Saved, .. more];

    private static void RequireWhole(string path)
    {
        using SafetensorsFile file = Safetensors.Open(path);
        file.VerifyHeader();
        file.VerifyValues();
    }

    [Test]
    public void Older_checkpoints_are_kept_as_asked_for()
    {
        Program.Run(Saving("6", "--checkpoint-every", "1", "--keep", "3")).RequireSuccess();
        Assert.That(Names(), Is.EqualTo(new[] { "saved", "saved.1", "saved.2", "saved.3" }));
        Assert.That(
            Names().Select(name => Checkpoint.ReadInfo(PathOf(name)).Position),
            Is.EqualTo(new[] { 6, 5, 4, 3 })
        );
        foreach (string name in Names())
            File.Delete(PathOf(name));
        Program.Run(Saving("6", "--checkpoint-every", "1")).RequireSuccess();
        Assert.That(Names(), Is.EqualTo(new[] { "saved", "saved.1" }));
        File.Delete(Saved + ".1");
        Program
            .Run("train", "--resume", Saved, "--steps", "8", "--checkpoint", Saved, "--keep", "0")
            .RequireSuccess();
        Assert.That(Names(), Is.EqualTo(new[] { "saved" }));
    }

    [Test]
    public void A_damaged_one_is_refused_and_names_the_one_before()
    {
        Program.Run(Saving("3", "--checkpoint-every", "2")).RequireSuccess();
        byte[] bytes = File.ReadAllBytes(Saved);
        bytes[^3] ^= 16;
        File.WriteAllBytes(Saved, bytes);
        Program
            .Run("train", "--resume", Saved)
            .RequireFailure(1, "--resume", "checksum", "saved.1'", "whole", "step 2");
        Program.Run("train", "--resume", Saved + ".1", "--steps", "3").RequireSuccess();
    }

    [Test]
    public void One_whose_parameters_are_no_numbers_is_refused()
    {
        Program.Run(Saving("2")).RequireSuccess();
        SafetensorsEdit.Change(
            Saved,
            (name, values) =>
            {
                if (name == "model.2.weight")
                    values[4] = float.NaN;
            }
        );
        Program
            .Run("train", "--resume", Saved)
            .RequireFailure(1, "--resume", Saved, "model.2.weight is NaN at [0, 4]");
    }

    [Test]
    public void A_second_run_on_a_checkpoint_is_refused()
    {
        using (CheckpointLock? held = CheckpointLock.TryTake(Saved))
        {
            ProgramResult second = Program.Run(Saving("2"));
            second.RequireFailure(2, "--checkpoint", "another run", Saved, "saved.lock");
            Assert.That(second.Output, Is.Empty);
            if (!OperatingSystem.IsWindows())
            {
                File.CreateSymbolicLink(PathOf("link"), "saved");
                Program
                    .Run([.. Small, "--steps", "2", "--checkpoint", PathOf("link")])
                    .RequireFailure(2, "another run");
                File.Delete(PathOf("link"));
            }
            Assert.That(Names(), Is.EqualTo(new[] { "saved.lock" }));
        }
        Program.Run(Saving("2")).RequireSuccess();
        Assert.That(Names(), Is.EqualTo(new[] { "saved" }));
        // To read it takes no lock.
        using (CheckpointLock.TryTake(Saved))
            Program.Run("train", "--resume", Saved, "--steps", "3").RequireSuccess();
    }

    [Test]
    public void A_second_reproduction_into_a_folder_is_refused()
    {
        Preset preset = Presets.Get("adding", "gru", null);
        string file = PathOf($"adding-gru-{preset.Name}-seed2.safetensors");
        using CheckpointLock? held = CheckpointLock.TryTake(file);
        Program
            .Run([
                .. "reproduce --task adding --arch gru --seeds 2 --checkpoint".Split(' '),
                Folder,
            ])
            .RequireFailure(2, "--checkpoint", "another run", file);
        Assert.That(Names(), Is.EqualTo(new[] { Path.GetFileName(file) + ".lock" }));
    }

    [TestCase(4)]
    [TestCase(60, Category = "Long")]
    [Platform(Exclude = "Win", Reason = "no signals to send")]
    public void Killed_at_any_moment_a_run_leaves_a_whole_checkpoint_and_no_lock(int kills)
    {
        var random = new Random(kills);
        long position = 0;
        for (int i = 0; i < kills; i++)
        {
            // Large enough that most of the time goes into saving.
            string[] run =
                i == 0
                    ? "train --arch gru --length 2 --hidden 100 --batch 1 --threads 1".Split(' ')
                    : ["train", "--resume", Saved];
            using Program.RunningProgram program = Program.Start([
                .. run,
                .. $"--steps {Endless} --checkpoint-every 1 --checkpoint".Split(' '),
                Saved,
            ]);
            Assert.That(
                () => program.HasEnded || (File.Exists(Saved) && Position() > position),
                Is.True.After(30_000, 5)
            );
            if (i == 0)
                Program.Run(Saving("2")).RequireFailure(2, "another run");
            Thread.Sleep(random.Next(40));
            program.Signal("KILL");
            ProgramResult killed = program.WaitForEnd();
            Assert.That(killed.ExitCode, Is.EqualTo(137), killed.Error);
            RequireWhole(Saved);
            if (File.Exists(Saved + ".1"))
                RequireWhole(Saved + ".1");
            Assert.That(Position(), Is.GreaterThan(position));
            position = Position();
        }
        // What the dead runs left is cleared away.
        Program
            .Run(
                "train",
                "--resume",
                Saved,
                "--steps",
                FormattableString.Invariant($"{position + 1}"),
                "--checkpoint",
                Saved
            )
            .RequireSuccess();
        Assert.That(
            Names().Where(name => !name.EndsWith(".old", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "saved", "saved.1" })
        );

        long Position() => Checkpoint.ReadInfo(Saved).Position;
    }

    // A folder that is away stands for a disk that is full or a network that is gone: no user is too mighty for it.
    [Test]
    [Platform(Exclude = "Win", Reason = "folders in use cannot be renamed")]
    public void Training_goes_on_where_a_checkpoint_cannot_be_saved([Values] bool comesBack)
    {
        string folder = PathOf("folder");
        string away = PathOf("away");
        string saved = Path.Combine(folder, "saved");
        Directory.CreateDirectory(folder);
        using Program.RunningProgram program = Program.Start([
            .. Small,
            .. $"--steps {Endless} --checkpoint-every 1 --checkpoint".Split(' '),
            saved,
            "--json",
            PathOf("train.json"),
        ]);
        Assert.That(() => File.Exists(saved) || program.HasEnded, Is.True.After(30_000, 5));
        Directory.Move(folder, away);
        Assert.That(
            () => program.ErrorSoFar.Contains('\n') || program.HasEnded,
            Is.True.After(30_000, 5)
        );
        if (comesBack)
        {
            Directory.Move(away, folder);
            Assert.That(
                () => program.ErrorSoFar.Contains("saved again") || program.HasEnded,
                Is.True.After(30_000, 5)
            );
        }
        program.Signal("TERM");
        ProgramResult result = program.WaitForEnd();
        string[] lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // A save that the folder went away from under has another reason than those after it.
        Assert.That(lines, Has.Length.InRange(2, 3), result.Error);
        Assert.That(lines[0], Does.StartWith("sequor train: the checkpoint of step"));
        Assert.That(lines[0], Does.Contain("was not saved").And.Contain("tried again"));
        // The losses of all those steps are not lost with the last state.
        string report = File.ReadAllText(PathOf("train.json"));
        Assert.That(report, Does.Contain(comesBack ? "\"interrupted\":true" : "is lost"));
        if (comesBack)
        {
            Assert.That(result.ExitCode, Is.EqualTo(143));
            RequireWhole(saved);
            Assert.That(result.Output, Does.Contain("saved to"));
        }
        else
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(
                lines[^1],
                Does.Contain("--checkpoint").And.Contain("no folder").And.Contain("is lost")
            );
            Assert.That(result.Output, Does.Not.Contain("saved to"));
            RequireWhole(Path.Combine(away, "saved"));
        }
    }
}
