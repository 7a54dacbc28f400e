using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor train</c>: its output and report, resuming, refused checkpoints, divergence and signals.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class TrainCommandTests : FolderTest
{
    private static readonly string[] Small =
        "train --arch gru --length 12 --hidden 6 --batch 4 --threads 2".Split(' ');

    [Test]
    public void Training_is_told_and_written()
    {
        string json = PathOf("train.json");
        ProgramResult result = Program.Run([
            .. Small,
            .. "--steps 60 --lr 0.01 --eval-every 20 --json".Split(' '),
            json,
        ]);
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("step 60/60").And.Contain("held-out mse"));

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement report = document.RootElement;
        Assert.That(report.GetProperty("schema").GetString(), Is.EqualTo("sequor.train/1"));
        Assert.That(report.GetProperty("task").GetString(), Is.EqualTo("adding"));
        Assert.That(report.GetProperty("arch").GetString(), Is.EqualTo("gru"));
        Assert.That(report.GetProperty("metric").GetString(), Is.EqualTo("mse"));
        Assert.That(report.GetProperty("steps").GetInt32(), Is.EqualTo(60));
        Assert.That(report.GetProperty("seed").GetInt32(), Is.EqualTo(1));
        Assert.That(report.GetProperty("parameters").GetInt64(), Is.EqualTo(187));
        Assert.That(report.GetProperty("seconds").GetDouble(), Is.Positive);
        double[][] losses = Pairs(report.GetProperty("train_loss"));
        Assert.That(losses.Select(p => p[0]), Is.EqualTo(Enumerable.Range(1, 60)));
        Assert.That(losses.Select(p => p[1]), Is.All.Positive);
        double[][] heldOut = Pairs(report.GetProperty("held_out"));
        Assert.That(heldOut.Select(p => p[0]), Is.EqualTo(new[] { 20, 40, 60 }));
        double final = report.GetProperty("final").GetDouble();
        Assert.That(final, Is.EqualTo(heldOut[^1][1]));
        Assert.That(final, Is.LessThan(losses[0][1]));
    }

    [Test]
    public void Copy_memory_is_judged_by_cross_entropy()
    {
        string json = PathOf("train.json");
        Program
            .Run([
                .. "train --arch lru --task copy --length 5 --hidden 4 --layers 1 --batch 4".Split(
                    ' '
                ),
                .. "--steps 5 --optimizer rmsprop --clip none --json".Split(' '),
                json,
            ])
            .RequireSuccess();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        Assert.That(
            document.RootElement.GetProperty("metric").GetString(),
            Is.EqualTo("cross-entropy")
        );
        Assert.That(
            document.RootElement.GetProperty("clip").ValueKind,
            Is.EqualTo(JsonValueKind.Null)
        );
    }

    [Test]
    public void Resumed_training_gives_the_bits_of_training_that_never_stopped(
        [Values("gru", "tcn", "lru")] string arch
    )
    {
        string[] run =
        [
            "train",
            "--arch",
            arch,
            .. "--length 12 --hidden 5 --layers 2 --batch 4 --threads 2 --lr 0.003".Split(' '),
        ];
        string whole = PathOf("whole");
        string part = PathOf("part");
        Program.Run([.. run, "--steps", "30", "--checkpoint", whole]).RequireSuccess();
        Program.Run([.. run, "--steps", "17", "--checkpoint", part]).RequireSuccess();
        Program
            .Run("train", "--resume", part, "--steps", "30", "--checkpoint", part)
            .RequireSuccess();
        Assert.That(File.ReadAllBytes(part), Is.EqualTo(File.ReadAllBytes(whole)));
        Assert.That(Names(), Is.EqualTo(new[] { "part", "part.1", "whole" }));
    }

    [Test]
    public void What_disagrees_with_the_checkpoint_is_refused()
    {
        string saved = PathOf("saved");
        Program.Run([.. Small, "--steps", "3", "--checkpoint", saved]).RequireSuccess();
        Resume("--arch", "lstm").RequireFailure(2, "--arch", "lstm", "gru");
        Resume("--length", "13").RequireFailure(2, "--length", "13", "12");
        Resume("--hidden", "7").RequireFailure(2, "--hidden", "7", "6");
        Resume("--params", "20000").RequireFailure(2, "--params", "187");
        Resume("--lr", "0.5").RequireFailure(2, "--lr", "0.5", "0.002");
        Resume("--clip", "none").RequireFailure(2, "--clip", "none", "1");
        Resume("--seed", "2").RequireFailure(2, "--seed", "2", "1");
        Resume("--optimizer", "sgd").RequireFailure(2, "--optimizer", "sgd", "adam");
        Resume("--steps", "2").RequireFailure(2, "--steps", "3");
        Resume("--arch", "gru", "--lr", "2e-3", "--steps", "4").RequireSuccess();

        ProgramResult Resume(params string[] options) =>
            Program.Run(["train", "--resume", saved, .. options]);
    }

    [Test]
    public void A_checkpoint_that_is_none_is_refused()
    {
        string saved = PathOf("saved");
        Program.Run([.. Small, "--steps", "3", "--checkpoint", saved]).RequireSuccess();
        byte[] bytes = File.ReadAllBytes(saved);
        string broken = PathOf("broken");

        File.WriteAllBytes(broken, bytes[..^10]);
        Resume().RequireFailure(1, "--resume", "broken");
        File.WriteAllBytes(broken, bytes[..20]);
        Resume().RequireFailure(1, "--resume", "broken");
        File.WriteAllText(broken, "no checkpoint at all, but a text of some length");
        Resume().RequireFailure(1, "--resume", "broken");
        File.WriteAllBytes(broken, []);
        Resume().RequireFailure(1, "--resume", "broken");
        Safetensors.Write(broken, [SafetensorsTensor.Of("a", new float[] { 1, 2 }, 2)]);
        Resume().RequireFailure(1, "--resume");

        ProgramResult Resume() => Program.Run("train", "--resume", broken);
    }

    [Test]
    public void A_checkpoint_of_another_program_is_refused()
    {
        string foreign = PathOf("foreign");
        using (var backend = Backend.Create())
        {
            using var model = new Linear(2, 1);
            using Plan plan = model.Plan(backend, 1, 1, Mode.Training);
            using var sgd = new Sgd(plan, 0.1f);
            Checkpoint.Save(foreign, plan, sgd, 0, new Dictionary<string, string>());
        }
        Program.Run("train", "--resume", foreign).RequireFailure(1, "has no 'arch'", "arch");
    }

    [Test]
    public void Divergence_ends_training_and_keeps_what_was_good()
    {
        string json = PathOf("train.json");
        string saved = PathOf("saved");
        File.WriteAllText(json, "old");
        ProgramResult result = Program.Run([
            .. Small,
            .. "--steps 50 --optimizer sgd --lr 1e30 --clip none --checkpoint-every 1".Split(' '),
            "--checkpoint",
            saved,
            "--json",
            json,
        ]);
        result.RequireFailure(1, "diverged", "step 2", "step 1");
        using (JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json)))
        {
            JsonElement report = document.RootElement;
            Assert.That(report.GetProperty("status").GetString(), Is.EqualTo("diverged"));
            Assert.That(report.GetProperty("reason").GetString(), Does.Contain("step 2"));
            Assert.That(report.GetProperty("steps").GetInt64(), Is.EqualTo(2));
            Assert.That(Pairs(report.GetProperty("train_loss")), Has.Length.EqualTo(1));
            Assert.That(report.GetProperty("final").ValueKind, Is.EqualTo(JsonValueKind.Null));
        }
        Assert.That(Checkpoint.ReadInfo(saved).Position, Is.EqualTo(1));
        Assert.That(Names(), Is.EqualTo(new[] { "saved", "train.json" }));
    }

    [Test]
    public void Losses_are_the_same_however_many_are_read_together()
    {
        string json = PathOf("train.json");
        string[] run = [.. Small, .. "--steps 45 --eval-every 20 --json".Split(' '), json];
        double[][][] losses = Array.ConvertAll(
            ["1", "7", "1000"],
            every =>
            {
                Program.Run([.. run, "--log-every", every]).RequireSuccess();
                using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
                return Pairs(document.RootElement.GetProperty("train_loss"));
            }
        );

        Assert.That(losses[0].Select(p => p[0]), Is.EqualTo(Enumerable.Range(1, 45)));
        Assert.That(losses[1], Is.EqualTo(losses[0]));
        Assert.That(losses[2], Is.EqualTo(losses[0]));
        Program.Run([.. run, "--log-every", "0"]).RequireFailure(2, "--log-every", "1 to 100");
    }

    [Test]
    public void A_step_that_diverges_is_told_however_many_are_read_together(
        [Values("1", "1000")] string every
    )
    {
        string json = PathOf("train.json");
        Program
            .Run([
                .. Small,
                .. "--steps 50 --optimizer sgd --lr 1e30 --clip none --log-every".Split(' '),
                every,
                "--json",
                json,
            ])
            .RequireFailure(1, "diverged", "at step 2 ", "not finite");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement report = document.RootElement;
        Assert.That(report.GetProperty("steps").GetInt64(), Is.EqualTo(2));
        Assert.That(Pairs(report.GetProperty("train_loss")), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_model_that_the_last_update_broke_is_not_saved()
    {
        string[] run =
        [
            .. Small,
            .. "--steps 1 --optimizer sgd --lr 3e38 --clip none".Split(' '),
            "--json",
            PathOf("train.json"),
        ];
        Program.Run(run).RequireFailure(1, "diverged", "held-out", "step 1");
        Program
            .Run([.. run, "--checkpoint", PathOf("saved")])
            .RequireFailure(1, "diverged", "parameter", "step 1");
        Assert.That(Names(), Is.EqualTo(new[] { "train.json" }));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "no signals to send")]
    public void A_signal_ends_training_with_what_was_learned(
        [Values("INT", "TERM", "HUP")] string signal
    )
    {
        string json = PathOf("train.json");
        string saved = PathOf("saved");
        using Program.RunningProgram program = Program.Start([
            .. Small,
            .. "--steps 100000000 --checkpoint-every 20 --checkpoint".Split(' '),
            saved,
            "--json",
            json,
        ]);
        Assert.That(() => File.Exists(saved) || program.HasEnded, Is.True.After(20_000, 20));
        program.Signal(signal);
        ProgramResult result = program.WaitForEnd();
        Assert.That(
            result.ExitCode,
            Is.EqualTo(
                signal switch
                {
                    "INT" => 130,
                    "TERM" => 143,
                    _ => 129,
                }
            ),
            result.Error
        );
        Assert.That(result.Error, Is.Empty);
        Assert.That(result.Output, Does.Contain("interrupted after step").And.Contain(saved));

        long position = Checkpoint.ReadInfo(saved).Position;
        Assert.That(position, Is.GreaterThanOrEqualTo(20));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement report = document.RootElement;
        Assert.That(report.GetProperty("interrupted").GetBoolean(), Is.True);
        Assert.That(report.GetProperty("status").GetString(), Is.EqualTo("interrupted"));
        Assert.That(report.GetProperty("steps").GetInt64(), Is.EqualTo(position));
        Assert.That(report.GetProperty("final").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(Names(), Is.SubsetOf(new[] { "saved", "saved.1", "train.json" }));
    }

    private static double[][] Pairs(JsonElement array) =>
        [
            .. array
                .EnumerateArray()
                .Select(p => (double[])[.. p.EnumerateArray().Select(v => v.GetDouble())]),
        ];
}
