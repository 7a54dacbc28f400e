using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Files;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor reproduce</c>: its output and reports, time budgets, and going on after any kind of stop.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class ReproduceCommandTests : ReproduceFixture
{
    private string[] Gru =>
        [.. "reproduce --task jsb --arch gru --preset 20k --threads 2 --data".Split(' '), Data];

    [Test]
    public void Results_are_told_and_written_as_the_library_has_them()
    {
        (ProgramResult program, JsonNode report) = Report([
            .. "reproduce --task jsb --arch gru,tcn --preset 20k --threads 2 --data".Split(' '),
            Data,
        ]);
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 });
        ReproductionResult expected = new Reproduction(
            Presets.Get("jsb", "gru", "20k"),
            Songs.Load(),
            backend
        ).Run(new ReproductionOptions());

        Assert.That(
            Keys(report),
            Is.EqualTo(
                "schema status machine date device threads budget_minutes total_budget_seconds results".Split(
                    ' '
                )
            )
        );
        Assert.That((string?)report["schema"], Is.EqualTo("sequor.reproduce/1"));
        Assert.That(
            Keys(report["machine"]!),
            Is.EqualTo(
                "cpu cores vector_bits instructions memory_bytes os architecture dotnet sequor commit runtime_settings compiler".Split(
                    ' '
                )
            )
        );
        JsonArray results = report["results"]!.AsArray();
        Assert.That(results.Select(r => (string?)r!["arch"]), Is.EqualTo(new[] { "gru", "tcn" }));
        JsonNode gru = results[0]!;
        JsonNode run = gru["runs"]![0]!;
        Assert.Multiple(() =>
        {
            Assert.That(Keys(gru), Is.EqualTo(ReproductionTests.Fields));
            Assert.That((string?)gru["task"], Is.EqualTo("jsb"));
            Assert.That((string?)gru["preset"], Is.EqualTo("20k"));
            Assert.That((long)gru["parameters"]!, Is.EqualTo(19809));
            Assert.That((string?)report["device"], Is.EqualTo("cpu"));
            Assert.That((int)report["threads"]!, Is.EqualTo(2));
            Assert.That((string?)run["device"], Is.EqualTo("cpu"));
            Assert.That((int)run["threads"]!, Is.EqualTo(2));
            Assert.That(report["budget_minutes"], Is.Null);
            Assert.That((long)gru["parameter_budget"]!, Is.EqualTo(20_000));
            Assert.That((string?)gru["data"], Is.EqualTo(Songs.Load().Fingerprint()));
            Assert.That((string?)gru["metric"], Is.EqualTo("nll"));
            Assert.That((double)gru["paper"]!, Is.EqualTo(8.54));
            Assert.That((double)gru["valid"]!, Is.EqualTo(expected.Valid));
            Assert.That((double)gru["test"]!, Is.EqualTo(expected.Test));
            Assert.That((int)gru["seeds"]!, Is.EqualTo(1));
            Assert.That((int)gru["epochs"]!, Is.EqualTo(expected.Epochs));
            Assert.That((double)gru["seconds"]!, Is.Positive);
            Assert.That((long)gru["peak_bytes"]!, Is.EqualTo(expected.PeakBytes));
            Assert.That((bool)gru["finished"]!, Is.True);
            Assert.That(results[1]!["paper"], Is.Null);
            Assert.That(
                Keys(run),
                Is.EqualTo(
                    "seed valid test best_epoch stopped valid_loss test_loss device threads curve".Split(
                        ' '
                    )
                )
            );
            Assert.That((string?)run["stopped"], Is.EqualTo("patience").Or.EqualTo("epochs"));
            Assert.That((int)run["best_epoch"]!, Is.EqualTo(expected.Runs[0].BestEpoch));
            JsonArray curve = run["curve"]!.AsArray();
            Assert.That(curve, Has.Count.EqualTo(expected.Epochs));
            Assert.That(
                Keys(curve[0]!),
                Is.EqualTo(new[] { "epoch", "train", "valid", "seconds", "rate" })
            );
            Assert.That(
                curve.Select(e => ((int)e!["epoch"]!, (double)e["train"]!, (double)e["valid"]!)),
                Is.EqualTo(expected.Runs[0].Epochs.Select(e => (e.Epoch, e.Train, e.Valid)))
            );
        });
        string[] row = program
            .Output.Split('\n')
            .Last(line => line.StartsWith("jsb gru 20k", StringComparison.Ordinal))
            .Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string test = FormattableString.Invariant($"{expected.Test:0.000}");
        string ratio = FormattableString.Invariant($"{expected.Test / 8.54:0.000}");
        string epochs = FormattableString.Invariant($"{expected.Epochs}");
        Assert.That(
            row[..7],
            Is.EqualTo(["jsb gru 20k", "19809", "nll", test, "8.540", ratio, epochs])
        );
        Assert.That(row[^1], Is.EqualTo("finished"));
        Assert.That(program.Output, Does.Contain("epoch 1/200  training "));
    }

    [Test]
    public void Several_tasks_take_their_files_from_a_folder()
    {
        File.WriteAllBytes(PathOf("JSB_Chorales.mat"), Songs.File());
        File.WriteAllBytes(PathOf("Piano_midi.mat"), Songs.File(compressed: true));

        (_, JsonNode report) = Report([
            .. "reproduce --task piano,jsb --arch lru --preset 20k --budget 0.001".Split(' '),
            "--data",
            Folder,
        ]);

        JsonArray results = report["results"]!.AsArray();
        Assert.That(results.Select(r => (string?)r!["task"]), Is.EqualTo(new[] { "piano", "jsb" }));
    }

    [Test]
    public void Drawn_tasks_need_no_file_and_the_budget_cuts_them()
    {
        (ProgramResult program, JsonNode report) = Report(
            "reproduce --task adding,copy --arch tcn --budget 0.0001".Split(' ')
        );

        foreach (JsonNode? result in report["results"]!.AsArray())
        {
            Assert.That((bool)result!["finished"]!, Is.False);
            Assert.That((int)result["epochs"]!, Is.Zero);
            Assert.That((double)result["test"]!, Is.Positive);
            Assert.That((double)result["seconds"]!, Is.LessThan(30));
            Assert.That((string?)result["runs"]![0]!["stopped"], Is.EqualTo("budget"));
            Assert.That(result["runs"]![0]!["curve"]!.AsArray(), Is.Empty);
        }
        Assert.That(program.Output, Does.Match("adding tcn 70k +70369 .* cut by the budget"));
        Assert.That(program.Output, Does.Match("copy tcn 16k +12530 .* cut by the budget"));
        Assert.That(program.Output, Does.Contain("no epoch came to its end"));
    }

    [Test]
    public void A_run_that_the_budget_cut_goes_on_with_a_larger_one()
    {
        (_, JsonNode straight) = Report(Gru);
        string[] saved = [.. Gru, "--checkpoint", Checkpoints];
        (ProgramResult cut, _) = Report([.. saved, "--budget", "0.0001"]);
        Assert.That(cut.Output, Does.Contain("cut by the budget"));

        (ProgramResult rest, JsonNode report) = Report([.. saved, "--budget", "100"]);

        Assert.That(rest.Output, Does.Contain("goes on after step"));
        RequireSame(report, straight);
    }

    [Test]
    public void Runs_that_are_over_are_not_run_again()
    {
        string[] run = [.. Gru, "--seeds", "2", "--seed", "3", "--checkpoint", Checkpoints];
        (_, JsonNode first) = Report(run);
        string[] files = Directory.GetFiles(Checkpoints);
        byte[][] before = [.. files.Order().Select(File.ReadAllBytes)];

        (ProgramResult program, JsonNode second) = Report(run);

        Assert.That(
            files.Order().Select(Path.GetFileName),
            Is.EqualTo(new[] { "jsb-gru-20k-seed3.safetensors", "jsb-gru-20k-seed4.safetensors" })
        );
        // The times as well.
        Assert.That(
            second["results"]!.ToJsonString(),
            Is.EqualTo(first["results"]!.ToJsonString())
        );
        Assert.That(files.Order().Select(File.ReadAllBytes), Is.EqualTo(before));
        Assert.That(program.Output, Does.Not.Contain("epoch 1/").And.Contain(" before"));

        JsonNode result = first["results"]![0]!;
        JsonArray runs = result["runs"]!.AsArray();
        Assert.That(runs.Select(r => (int)r!["seed"]!), Is.EqualTo(new[] { 3, 4 }));
        Assert.That((int)result["seeds"]!, Is.EqualTo(2));
        Assert.That(
            (double)result["test"]!,
            Is.EqualTo(runs.Average(r => (double)r!["test"]!)).Within(1e-12)
        );
    }

    // One that is answered, and one that cannot be.
    [TestCase("INT")]
    [TestCase("TERM", Category = "Long")]
    [TestCase("KILL")]
    [Platform(Exclude = "Win", Reason = "no signals to send")]
    public void Stopped_anyhow_the_same_command_ends_as_if_it_had_not_been(string signal)
    {
        // Seeds enough that the program still runs when the signal comes.
        string[] run = [.. Gru, "--seeds", "3"];
        (_, JsonNode straight) = Report(run);
        string[] saving = [.. run, "--checkpoint", Checkpoints, "--checkpoint-every", "0"];
        string json = PathOf("cut.json");
        using Program.RunningProgram program = Program.Start([.. saving, "--json", json]);
        Assert.That(() => File.Exists(SavedGru) || program.HasEnded, Is.True.After(20_000, 20));
        program.Signal(signal);
        ProgramResult cut = program.WaitForEnd();

        int code = signal switch
        {
            "INT" => 130,
            "TERM" => 143,
            _ => 137,
        };
        Assert.That(cut.ExitCode, Is.EqualTo(code), cut.Error);
        Assert.That(cut.Error, Is.Empty);
        Assert.That(Checkpoint.ReadInfo(SavedGru).Position, Is.Positive);
        if (signal == "KILL")
        {
            Assert.That(File.Exists(json), Is.False);
        }
        else
        {
            Assert.That(
                cut.Output,
                Does.Contain("interrupted after").And.Contain($"saved to {Checkpoints}")
            );
            JsonNode result = JsonNode.Parse(File.ReadAllBytes(json))!["results"]![0]!;
            Assert.That((bool)result["finished"]!, Is.False);
            Assert.That(
                Directory.GetFiles(Checkpoints),
                Is.All.Match(@"\.safetensors(\.1)?$"),
                "nothing else is left"
            );
        }

        (ProgramResult rest, JsonNode report) = Report([.. run, "--checkpoint", Checkpoints]);

        Assert.That(rest.Output, Does.Contain("goes on after step"));
        RequireSame(report, straight);
    }

    [Test]
    public void A_run_goes_on_with_its_threads_and_says_where_others_are_asked_for()
    {
        string[] run = [.. Gru[..^4], .. Gru[^2..], "--checkpoint", Checkpoints];
        Report([.. run, "--budget", "0.0001", "--threads", "3"]);
        long position = Checkpoint.ReadInfo(SavedGru).Position;
        (ProgramResult same, _) = Report(run);
        CheckpointInfo saved = Checkpoint.ReadInfo(SavedGru);
        Assert.That(saved.Position, Is.GreaterThan(position));
        Assert.That(saved.Metadata["threads"], Is.EqualTo("3"));
        Assert.That(same.Output, Does.Not.Contain("note:"));

        (ProgramResult other, _) = Report([.. run, "--threads", "1"]);

        Assert.That(other.Output, Does.Contain("run on 3 threads; on 1"));
    }

    [Test]
    public void A_run_that_diverges_does_not_keep_the_others_from_their_end()
    {
        string json = PathOf("report.json");
        Program.Run([.. Gru, "--checkpoint", Checkpoints, "--budget", "0.0001"]).RequireSuccess();
        // With such a learning rate the next updates lead out of all bounds.
        SafetensorsEdit.Change(
            SavedGru,
            (name, values) =>
            {
                if (name == "optimizer.state")
                    values[OptimizerUpdate.LearningRate] = 1e38f;
            }
        );

        ProgramResult program = Program.Run([
            .. Gru,
            .. "--seeds 2 --budget 0.05 --json".Split(' '),
            json,
            "--checkpoint",
            Checkpoints,
        ]);

        program.RequireFailure(1, "training diverged", "jsb gru 20k, seed 1", "not finite");
        Assert.That(program.Output, Does.Contain("diverged: no result"));
        Assert.That(program.Output, Does.Contain("jsb gru 20k, seed 2 (2 of 2)"));
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        Assert.That((string)report["status"]!, Is.EqualTo("diverged"));
        JsonNode failed = report["failed"]!.AsArray().Single()!;
        Assert.That((int)failed["seed"]!, Is.EqualTo(1));
        Assert.That((string)failed["reason"]!, Does.Contain("not finite"));
        JsonNode result = report["results"]![0]!;
        Assert.That(
            result["runs"]!.AsArray().Select(r => (int)r!["seed"]!),
            Is.EqualTo(new[] { 2 })
        );
        Assert.That((bool)result["finished"]!, Is.False);
    }

    [Test]
    public void A_run_that_diverges_after_an_epoch_is_told_with_what_it_came_to()
    {
        string json = PathOf("report.json");
        Directory.CreateDirectory(Checkpoints);
        using var epoch = new CancellationTokenSource();
        using (var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 }))
        {
            new Reproduction(Presets.Get("jsb", "gru", "20k"), Songs.Load(), backend).Run(
                new ReproductionOptions { Checkpoint = SavedGru },
                p =>
                {
                    if (p.Best is not null)
                        epoch.Cancel();
                },
                epoch.Token
            );
        }
        SafetensorsEdit.Change(
            SavedGru,
            (name, values) =>
            {
                if (name == "optimizer.state")
                    values[OptimizerUpdate.LearningRate] = 1e38f;
            }
        );

        ProgramResult program = Program.Run([.. Gru, "--checkpoint", Checkpoints, "--json", json]);

        program.RequireFailure(1, "training diverged", "jsb gru 20k, seed 1", "not finite");
        Assert.That(program.Output, Does.Contain("diverged at step"));
        Assert.That(
            program.Output,
            Does.Contain("Diverged: the figures are of the best epoch until then.")
        );
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        Assert.That((string)report["status"]!, Is.EqualTo("diverged"));
        Assert.That(report["failed"], Is.Null);
        JsonNode run = report["results"]![0]!["runs"]!.AsArray().Single()!;
        Assert.That((string)run["stopped"]!, Is.EqualTo("diverged"));
        Assert.That((string)run["reason"]!, Does.Contain("not finite"));
        Assert.That((double)run["test"]!, Is.GreaterThan(0));

        ProgramResult page = Program.Run(["page", json, "--markdown", "-"]);

        page.RequireSuccess();
        Assert.That(page.Output, Does.Contain(", diverged |"));
    }

    private (ProgramResult Program, JsonNode Report) Report(string[] arguments)
    {
        string json = PathOf("report.json");
        ProgramResult result = Program.Run([.. arguments, "--json", json]);
        result.RequireSuccess();
        return (result, JsonNode.Parse(File.ReadAllBytes(json))!);
    }

    private static void RequireSame(JsonNode report, JsonNode expected) =>
        Assert.That(WithoutTimes(report), Is.EqualTo(WithoutTimes(expected)));

    private static string WithoutTimes(JsonNode node)
    {
        JsonNode copy = node.DeepClone();
        Remove(copy);
        return copy.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

        static void Remove(JsonNode? node)
        {
            if (node is JsonObject members)
            {
                members.Remove("seconds");
                members.Remove("budget_minutes");
                members.Remove("date");
                foreach ((_, JsonNode? member) in members)
                    Remove(member);
            }
            else if (node is JsonArray items)
            {
                foreach (JsonNode? item in items)
                    Remove(item);
            }
        }
    }

    private static string[] Keys(JsonNode node) => [.. node.AsObject().Select(pair => pair.Key)];
}
