using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Profiles;

/// <summary>The rows of a profile's report and their tree: sums of time and of memory, floors, and what is not known.</summary>
[TestFixture]
public sealed class LayerRowsTests
{
    private static readonly ProfiledStep Step = MadeProfile.Step();
    private static readonly IReadOnlyList<LayerRow> Rows = LayerRows.Of(Step, MadeProfile.Peaks);

    private static LayerRow Row(string name, string operation, string pass) =>
        Rows.Single(r => (r.Name, r.Operation, r.Pass) == (name, operation, pass));

    [Test]
    public void Times_add_up_to_the_nanosecond()
    {
        Assert.That(
            Rows.Sum(r => (decimal)r.Ms),
            Is.EqualTo(Step.Nanoseconds / 1_000_000m),
            "as decimals, as they stand in the file"
        );
        Assert.That(Row("other", "between operations", "other").Ms, Is.EqualTo(23e-6));
    }

    [Test]
    public void What_is_the_same_operation_is_a_row()
    {
        LayerRow row = Row("0.a", "matmul", "backward");
        Assert.That(
            (row.Calls, row.Ms, row.BytesMoved, row.Flops, row.Launches),
            Is.EqualTo((2, 3.0, 4_000_000, 160_000_000, 4))
        );
        Assert.That(row.Kind, Is.EqualTo("Made"));
    }

    [Test]
    public void Held_bytes_are_the_ledgers_and_stand_in_one_row_of_a_layer()
    {
        Assert.That(Rows.Sum(r => r.BytesHeld), Is.EqualTo(Step.Held.Sum(h => h.Bytes)));
        Assert.That(Row("0.a", "matmul", "forward").BytesHeld, Is.EqualTo(5024));
        Assert.That(Row("0.a", "matmul", "backward").BytesHeld, Is.Zero);
        Assert.That(Row("optimizer", "update", "update").BytesHeld, Is.EqualTo(300));
        Assert.That(Row("scratch", LayerRows.MemoryOnly, "other").BytesHeld, Is.EqualTo(7));
    }

    [Test]
    public void Floors_are_of_bytes_or_operations_whichever_take_longer()
    {
        // 1 MB at 10 GB/s against 40 MFLOP at 100 GFLOP/s.
        Assert.That(Row("0.a", "matmul", "forward").FloorMs, Is.EqualTo(0.4).Within(1e-9));
        Assert.That(
            Row("loss", "mean squared error", "loss").FloorMs,
            Is.EqualTo(64 / 10e9 * 1000).Within(1e-6)
        );
        Assert.That(Row("0.b", "recurrent", "forward").FloorMs, Is.EqualTo(0.1).Within(1e-9));
        Assert.That(Row("model", "pack", "forward").FloorMs, Is.Null);
        Assert.That(Row("0.b", "recurrent", "forward").BytesMoved, Is.Null);
        Assert.That(Row("model", "pack", "forward").Launches, Is.Null);
    }

    [Test]
    public void The_tree_has_layers_in_the_models_order_with_what_is_in_them()
    {
        var tree = LayerTree.Of(Rows);
        Assert.That(
            tree.All.Select(l => (l.Name, l.Depth)),
            Is.EqualTo(
                new[]
                {
                    ("", -1),
                    ("0", 0),
                    ("0.a", 1),
                    ("0.b", 1),
                    ("model", 0),
                    ("loss", 0),
                    ("optimizer", 0),
                    ("copies", 0),
                    ("other", 0),
                    ("scratch", 0),
                }
            )
        );
        LayerTree outer = tree.All.Single(l => l.Name == "0");
        Assert.That(outer.Kind, Is.Empty);
        Assert.That(outer.Sum("forward").Ms, Is.EqualTo(3.000001).Within(1e-12));
        Assert.That(outer.Sum("backward").Ms, Is.EqualTo(6).Within(1e-12));
        Assert.That(outer.Sum().Launches, Is.EqualTo(7));
        Assert.That(tree.Sum().Launches, Is.Null, "one of its operations tells none");
        Assert.That(tree.All.Single(l => l.Name == "0.a").Sum().Launches, Is.EqualTo(6));
        Assert.That(tree.Sum().BytesHeld, Is.EqualTo(5331));
    }

    [Test]
    public void Rates_are_of_the_operations_that_have_counts()
    {
        LayerSum sum = LayerTree.Of(Rows).All.Single(l => l.Name == "0").Sum();
        Assert.That(sum.BytesPerS, Is.EqualTo(5e6 / 4e-3).Within(1e-6).Percent);
        Assert.That(sum.FlopsPerS, Is.EqualTo(210e6 / 6.000001e-3).Within(1e-6).Percent);
        Assert.That(sum.FloorMs, Is.EqualTo(0.4 + 0.1 + 1.6).Within(1e-9));
        Assert.That(sum.FloorShare, Is.EqualTo(2.1 / 6.000001).Within(1e-6).Percent);
        LayerSum nothing = LayerSum.Of([]);
        Assert.That(
            (nothing.BytesPerS, nothing.FlopsPerS, nothing.FloorMs, nothing.FloorShare),
            Is.EqualTo(((double?)null, (double?)null, (double?)null, (double?)null))
        );
    }

    [Test]
    public void The_peak_has_owners_that_add_up()
    {
        var peak = PeakOwners.Of(Step)!;
        Assert.That(
            (peak.Bytes, peak.Name, peak.Operation, peak.Pass),
            Is.EqualTo((2_001_024, "0.a", "matmul", "backward"))
        );
        Assert.That(peak.Owners.Sum(o => o.Bytes), Is.EqualTo(peak.Bytes));
        Assert.That(PeakOwners.Of(Step with { Memory = [] }), Is.Null);
    }

    [TestCase(8.9, 0)]
    [TestCase(9.3, 0)]
    [TestCase(9.32, 2)]
    [TestCase(8.7, 2)]
    public void A_profile_that_differs_from_the_step_without_one_is_a_warning(
        double plain,
        int warnings
    )
    {
        Profiled profiled = MadeProfile.Of(Step, plain);
        Assert.That(profiled.Overhead, Is.EqualTo((Step.Milliseconds / plain) - 1).Within(1e-12));
        Assert.That(profiled.Warnings, Has.Count.EqualTo(warnings));
        if (warnings > 0)
            Assert.That(profiled.Warnings[0], Does.Contain("times the").And.Contain("3%"));
        // The told step may be near where the others are not.
        Profiled costly = profiled with
        {
            Plain = [Step.Milliseconds],
            WithProfile = [1.1 * Step.Milliseconds],
        };
        Assert.That(costly.Warnings.Single(), Does.Contain("1.100 times"));
    }

    [Test]
    public void Of_up_to_128_steps_all_are_kept([Values(1, 2, 30, 128)] int count)
    {
        var steps = new ProfiledSteps();
        long[] times = Times(count);
        foreach (long time in times)
            steps.Add(Step with { Nanoseconds = time });
        Assert.That(steps.Kept, Is.EqualTo(count));
        Assert.That(steps.Times, Is.EqualTo(times.Select(t => t / 1e6)));
        foreach (long time in times)
            Assert.That(steps.Nearest((time + 1) / 1e6).Nanoseconds, Is.EqualTo(time));
    }

    // Whether they become slower, faster or neither.
    [Test]
    public void Of_more_there_is_one_near_any([Values(-1, 0, 1)] int order)
    {
        var steps = new ProfiledSteps();
        long[] times = Times(5000);
        long[] sorted = [.. times.Order()];
        if (order != 0)
            times = order > 0 ? sorted : [.. sorted.Reverse()];
        foreach (long time in times)
            steps.Add(Step with { Nanoseconds = time });
        Assert.That(steps.Kept, Is.InRange(ProfiledSteps.Most / 2, ProfiledSteps.Most));
        foreach (int place in (int[])[0, 1000, 2500, 4999])
        {
            int found = Array.IndexOf(sorted, steps.Nearest(sorted[place] / 1e6).Nanoseconds);
            Assert.That(found, Is.EqualTo(place).Within(200));
        }
    }

    private static long[] Times(int count)
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(1, 1 << 30))];
    }
}
