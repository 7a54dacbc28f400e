using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// The width that a model needs for a given number of parameters: how close it comes, and which budgets are refused.
/// </summary>
[TestFixture]
public sealed class BudgetTests
{
    private static readonly AddingProblem Adding = new(100);

    [Test]
    public void Every_architecture_comes_within_5_percent(
        [ValueSource(typeof(Listed), nameof(Listed.Architectures))] string name,
        [ValueSource(typeof(Listed), nameof(Listed.DrawnTasks))] string task,
        [Values(20_000, 70_000, 300_000, 5_000_000)] long budget
    )
    {
        Architecture architecture = Architecture.Get(name);
        int depth = architecture.DefaultDepth;
        Sequor.Layers.SequenceTask sequences = Sequor.Workloads.Tasks.Create(task, 100);

        int width = Budget.FindWidth(architecture, sequences, budget, depth);

        long Miss(int w) =>
            Math.Abs(new Workload(architecture, sequences, 1, w, depth).Parameters - budget);
        Assert.That(Miss(width), Is.LessThanOrEqualTo(0.05 * budget));
        Assert.That(Miss(width), Is.LessThanOrEqualTo(Miss(width + 1)));
        Assert.That(Miss(width), Is.LessThanOrEqualTo(Miss(width - 1)));
    }

    [Test]
    public void More_layers_are_narrower([Values] bool recurrent)
    {
        Architecture architecture = Architecture.Get(recurrent ? "lstm" : "lru");
        int few = Budget.FindWidth(architecture, Adding, 70_000, 2);
        int many = Budget.FindWidth(architecture, Adding, 70_000, 5);
        Assert.That(many, Is.LessThan(few));
    }

    [Test]
    public void A_budget_between_two_widths_is_refused_with_both()
    {
        Architecture lstm = Architecture.Get("lstm");
        Assert.That(
            () => Budget.FindWidth(lstm, Adding, 30, 1),
            Throws
                .TypeOf<BudgetException>()
                .With.Message.EqualTo(
                    "lstm: no width comes within 5% of 30 parameters; width 1 gives 22, width 2 gives 51"
                )
        );
    }

    [Test]
    public void A_budget_below_the_least_width_is_refused()
    {
        Architecture tcn = Architecture.Get("tcn");
        Assert.That(
            () => Budget.FindWidth(tcn, Adding, 1, 8),
            Throws.TypeOf<BudgetException>().With.Message.Contains("width 1 gives ")
        );
    }

    [Test]
    public void The_default_sizes_are_those_of_70000_parameters()
    {
        int[] widths =
        [
            .. Architecture.Compared.Select(a =>
                Budget.FindWidth(a, Adding, 70_000, a.DefaultDepth)
            ),
        ];
        Assert.That(widths, Is.EqualTo(new[] { 262, 130, 151, 24, 53 }));
    }

    [Test]
    public void The_receptive_field_is_that_of_the_tcn()
    {
        Assert.That(
            new Workload(Architecture.Get("tcn"), Adding, 1, 4, 8).ReceptiveField,
            Is.EqualTo(3571)
        );
        Assert.That(new Workload(Architecture.Get("gru"), Adding, 1, 4, 1).ReceptiveField, Is.Null);
    }
}
