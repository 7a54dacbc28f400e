using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>
/// <c>sequor reproduce --total-budget</c>: the shortest runs first, what is over is not trained again, and what there was no time for is
/// told.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class ReproduceTotalTests : ReproduceFixture
{
    private string[] Words(string total, params string[] more) =>
        [
            .. "reproduce --task jsb --preset 20k --threads 1 --arch rnn,tcn --total-budget".Split(
                ' '
            ),
            total,
            "--data",
            Data,
            .. more,
        ];

    private (ProgramResult, JsonNode) Run(string[] words)
    {
        string json = PathOf("total.json");
        ProgramResult result = Program.Run([.. words, "--json", json]);
        result.RequireSuccess();
        return (result, JsonNode.Parse(File.ReadAllBytes(json))!);
    }

    [Test]
    public void All_runs_come_to_their_end_where_there_is_time_and_are_not_trained_again()
    {
        (ProgramResult first, JsonNode report) = Run(Words("10m", "--checkpoint", Checkpoints));
        Assert.That(first.Output, Does.Contain("10:00 for all of them; the shortest come first"));
        Assert.That((double)report["total_budget_seconds"]!, Is.EqualTo(600));
        Assert.That(report["left"], Is.Null);
        JsonArray results = report["results"]!.AsArray();
        Assert.That(results.Select(r => (bool)r!["finished"]!), Is.EqualTo(new[] { true, true }));
        foreach (JsonNode? result in results)
        {
            int asked = (int)result!["epochs_asked"]!;
            Assert.That(asked, Is.EqualTo(200));
            Assert.That((int)result["epochs"]!, Is.InRange(1, asked));
        }

        (ProgramResult second, JsonNode again) = Run(Words("10m", "--checkpoint", Checkpoints));
        Assert.That(second.Output, Does.Contain("about 0.0 s with all of its epochs"));
        Assert.That(
            again["results"]!
                .AsArray()
                .Select(r => ((string)r!["arch"]!, (double)r["test"]!, (int)r["epochs"]!))
                .Order(),
            Is.EqualTo(
                results
                    .Select(r => ((string)r!["arch"]!, (double)r["test"]!, (int)r["epochs"]!))
                    .Order()
            )
        );
    }

    // One of the two, a little.
    private void BeginRnn() =>
        Program
            .Run([
                .. "reproduce --task jsb --preset 20k --threads 1 --arch rnn --budget 0.0001 --data".Split(
                    ' '
                ),
                Data,
                "--checkpoint",
                Checkpoints,
            ])
            .RequireSuccess();

    [Test]
    public void Without_time_nothing_is_begun_and_what_was_begun_before_still_tells_its_results()
    {
        BeginRnn();
        (ProgramResult program, JsonNode report) = Run(
            Words("0.0001s", "--checkpoint", Checkpoints)
        );
        JsonNode result = report["results"]!.AsArray().Single()!;
        Assert.That((string)result["arch"]!, Is.EqualTo("rnn"));
        Assert.That((string)result["runs"]![0]!["stopped"]!, Is.EqualTo("budget"));
        Assert.That((double)result["test"]!, Is.Positive);
        JsonNode left = report["left"]!.AsArray().Single()!;
        Assert.That((string)left["arch"]!, Is.EqualTo("tcn"));
        Assert.That((string)left["reason"]!, Is.EqualTo("the time was over"));
        Assert.That((bool)left["measured"]!, Is.False);
        Assert.That(
            program.Output,
            Does.Contain("Not begun: 1 run. The same command goes on with them.")
                .And.Contain("jsb tcn 20k, seed 1: the time was over; at least ")
        );
        Assert.That((string)report["status"]!, Is.EqualTo("finished"));
    }

    [Test]
    public void Each_preset_of_a_task_is_meant_where_none_is_named()
    {
        (_, JsonNode report) = Run([
            .. "reproduce --task jsb --arch tcn --threads 1 --total-budget 0.0001s --data".Split(
                ' '
            ),
            Data,
        ]);
        Assert.That(
            report["left"]!.AsArray().Select(l => (string)l!["preset"]!).Order(),
            Is.EqualTo(
                Presets
                    .All.Where(p => p.Task == "jsb" && p.Arch == "tcn")
                    .Select(p => p.Name)
                    .Order()
            )
        );
        Assert.That(report["results"]!.AsArray(), Is.Empty);
    }

    [Test]
    public void Of_all_tasks_those_without_data_are_told_with_the_reason()
    {
        File.WriteAllBytes(PathOf("JSB_Chorales.mat"), Songs.File());
        (_, JsonNode report) = Run([
            .. "reproduce --task all --arch tcn --threads 1 --total-budget 0.0001s --data".Split(
                ' '
            ),
            Folder,
        ]);
        Dictionary<string, string> reasons = report["left"]!
            .AsArray()
            .GroupBy(l => (string)l!["task"]!)
            .ToDictionary(g => g.Key, g => (string)g.First()!["reason"]!);
        Assert.That(reasons["jsb"], Is.EqualTo("the time was over"));
        Assert.That(reasons["adding"], Is.EqualTo("the time was over"));
        Assert.That(reasons["piano"], Does.Contain("Piano_midi.mat"));
        Assert.That(
            reasons.Keys,
            Is.EquivalentTo(
                Sequor
                    .Workloads.Tasks.Unnamed.Select(t => t.Name)
                    .Intersect(Presets.All.Where(p => p.Arch == "tcn").Select(p => p.Task))
            )
        );
    }

    [Test]
    public void A_page_is_written_of_what_was_left()
    {
        string html = PathOf("page.html");
        Program.Run(Words("0.0001s", "--html", html)).RequireSuccess();
        Assert.That(
            File.ReadAllText(html),
            Does.Contain("<h2>Not begun</h2>").And.Contain("the time was over")
        );
    }

    [TestCase("8")]
    [TestCase("0h")]
    [TestCase("soon")]
    public void A_time_that_is_none_is_refused(string total)
    {
        ProgramResult result = Program.Run(Words(total));
        result.RequireFailure(2, "--total-budget", "8h, 90m, 30s", $"'{total}'");
        Assert.That(result.Output, Is.Empty);
    }

    [Test]
    public void A_checkpoint_of_another_preset_is_refused_before_anything_runs()
    {
        BeginRnn();
        string tcn = Path.Combine(Checkpoints, "jsb-tcn-20k-seed1.safetensors");
        string rnn = Path.Combine(Checkpoints, "jsb-rnn-20k-seed1.safetensors");
        byte[] before = File.ReadAllBytes(rnn);
        File.WriteAllBytes(tcn, before);
        Program
            .Run(Words("5s", "--checkpoint", Checkpoints))
            .RequireFailure(1, "--checkpoint", "does not fit", "arch: rnn in the file, tcn here");
        Assert.That(File.ReadAllBytes(rnn), Is.EqualTo(before));
        Assert.That(File.ReadAllBytes(tcn), Is.EqualTo(before));
    }
}
