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

        PresetModel found = Budget.Find(architecture, sequences, budget);

        long Miss(int w) =>
            Math.Abs(new Workload(architecture, sequences, 1, w, depth).Parameters - budget);
        Assert.That(
            new Workload(architecture, sequences, 1, found).Parameters,
            Is.EqualTo(budget).Within(5).Percent
        );
        int width = found.Hidden;
        if (found != architecture.Sized(width, depth))
        {
            Assert.That(
                LeastMiss(architecture, sequences, budget),
                Is.GreaterThan(0.05 * budget),
                "the width alone would have done"
            );
            return;
        }
        Assert.That(Miss(width), Is.LessThanOrEqualTo(Miss(width + 1)));
        Assert.That(Miss(width), Is.LessThanOrEqualTo(Miss(width - 1)));
    }

    [Test]
    public void More_layers_are_narrower([Values] bool recurrent)
    {
        Architecture architecture = Architecture.Get(recurrent ? "lstm" : "lru");
        int few = Budget.Find(architecture, Adding, 70_000, 2).Hidden;
        int many = Budget.Find(architecture, Adding, 70_000, 5).Hidden;
        Assert.That(many, Is.LessThan(few));
    }

    [Test]
    public void A_budget_between_two_widths_is_refused_with_both()
    {
        Architecture lstm = Architecture.Get("lstm");
        Assert.That(
            () => Budget.Find(lstm, Adding, 30),
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
            () => Budget.Find(tcn, Adding, 1),
            Throws.TypeOf<BudgetException>().With.Message.Contains("width 1 gives ")
        );
    }

    [Test]
    public void A_budget_that_no_width_meets_is_met_by_another_number_of_states()
    {
        Architecture lru = Architecture.Get("lru");
        long[] budgets =
        [
            .. Enumerable
                .Range(1, 40)
                .Select(n => lru.Sized(3, 4, new ModelVariant(States: n)))
                .Select(sizes => new Workload(lru, Adding, 1, sizes).Parameters)
                .Where(n => LeastMiss(lru, Adding, n) > 0.05 * n),
        ];
        Assert.That(budgets, Is.Not.Empty);
        foreach (long budget in budgets)
        {
            PresetModel sizes = Budget.Find(lru, Adding, budget);
            Assert.That(sizes.States, Is.Not.EqualTo(sizes.Hidden));
            Assert.That(
                new Workload(lru, Adding, 1, sizes).Parameters,
                Is.EqualTo(budget).Within(5).Percent
            );
        }
        Assert.That(
            Budget.Find(lru, Adding, 70_000),
            Is.EqualTo(lru.Sized(53, 4)),
            "the usual sizes, where they will do"
        );
    }

    [Test]
    public void A_depth_that_was_asked_for_stays_and_one_that_was_not_may_change()
    {
        Architecture deep = Architecture.Get("reslstm");
        long budget = new Workload(deep, Adding, 1, 1, 3).Parameters;
        PresetModel sizes = Budget.Find(deep, Adding, budget);
        Assert.That(sizes.Depth, Is.Not.EqualTo(deep.DefaultDepth));
        Assert.That(
            new Workload(deep, Adding, 1, sizes).Parameters,
            Is.EqualTo(budget).Within(5).Percent
        );
        Assert.That(
            () => Budget.Find(deep, Adding, budget, deep.DefaultDepth),
            Throws.TypeOf<BudgetException>().With.Message.Contains("width 1 gives ")
        );
    }

    [Test]
    public void What_was_asked_for_stays()
    {
        Architecture lru = Architecture.Get("lru");
        var variant = new ModelVariant(Bidirectional: true, States: 10);
        PresetModel sizes = Budget.Find(lru, Adding, 70_000, 3, variant);
        Assert.That((sizes.Bidirectional, sizes.States, sizes.Depth), Is.EqualTo((true, 10, 3)));
        Assert.That(
            new Workload(lru, Adding, 1, sizes).Parameters,
            Is.EqualTo(70_000).Within(5).Percent
        );
        Assert.That(
            () => Budget.Find(lru, Adding, 100, 3, variant),
            Throws
                .TypeOf<BudgetException>()
                .With.Message.StartsWith(
                    "lru: no width comes within 5% of 100 parameters; width 1 "
                )
        );
    }

    [Test]
    public void A_budget_that_neither_width_nor_states_meet_is_refused_with_the_nearest_two() =>
        Assert.That(
            () => Budget.Find(Architecture.Get("lru"), Adding, 2),
            Throws
                .TypeOf<BudgetException>()
                .With.Message.Match(
                    "^lru: no width with any states comes within 5% of 2 parameters; width 1 with states 1 gives [0-9]+, width 2 with states 1 gives [0-9]+$"
                )
        );

    [Test]
    public void Widths_are_multiples_where_an_architecture_says_so()
    {
        var paired = new WideSteps();
        int width = Budget.Find(paired, Adding, 70_000).Hidden;
        Assert.That(width % paired.WidthStep, Is.Zero);
        Assert.That(
            new Workload(paired, Adding, 1, width, 1).Parameters,
            Is.EqualTo(70_000).Within(5).Percent
        );
        Assert.That(
            () => Budget.Find(paired, Adding, 100),
            Throws
                .TypeOf<BudgetException>()
                .With.Message.Match(
                    "^wide: no width that is a multiple of 6 comes within 5% of 100 parameters; width 6 gives [0-9]+$"
                )
        );
        Assert.That(
            () => new Workload(paired, Adding, 1, 7, 1),
            Throws.ArgumentException.With.Message.StartsWith(
                "the width of wide is a multiple of 6, not 7"
            )
        );
    }

    // By how much the usual sizes of all widths miss a budget at least; counts grow with the width.
    private static long LeastMiss(
        Architecture architecture,
        Sequor.Layers.SequenceTask task,
        long budget
    )
    {
        int step = architecture.WidthStep;
        (long last, long count) = (0, 0);
        for (int width = step; count < budget; width += step)
        {
            last = count;
            count = new Workload(
                architecture,
                task,
                1,
                width,
                architecture.DefaultDepth
            ).Parameters;
        }
        return Math.Min(budget - last, count - budget);
    }

    private sealed class WideSteps : RecurrentArchitecture
    {
        public override string Name => "wide";

        public override int Order => 99;

        public override string Title => "Wide";

        public override int WidthStep => 6;

        private protected override int Kept => 5;

        private protected override Sequor.Layers.Layer Body(int inputs, PresetModel sizes) =>
            new Sequor.Layers.Gru(inputs, sizes.Hidden);
    }

    [Test]
    public void The_default_sizes_are_those_of_70000_parameters()
    {
        int[] widths =
        [
            .. Architecture.Compared.Select(a => Budget.Find(a, Adding, 70_000).Hidden),
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
