using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>What holds for every entry of the catalogue.</summary>
[TestFixture]
public sealed class CatalogTests
{
    private static IEnumerable<string> Tasks =>
        Sequor.Workloads.Tasks.All.Select(task => task.Name);

    [Test]
    public void Names_are_unique_words()
    {
        foreach (
            IReadOnlyList<string> names in (IReadOnlyList<string>[])
                [Architecture.Names, Sequor.Workloads.Optimizers.Names, [.. Tasks]]
        )
        {
            Assert.That(names, Is.Unique.And.Not.Empty);
            // They stand in options, lists with commas and names of files.
            Assert.That(names, Is.All.Match("^[a-z][a-z0-9]*$"));
        }
    }

    // The build makes the list from the files, as a program that is trimmed has no other way to find them.
    [Test]
    public void Every_entry_of_the_assembly_is_in_the_list_that_the_build_makes() =>
        Assert.That(
            CatalogEntries.Found().Select(entry => entry.GetType()),
            Is.EquivalentTo(
                typeof(IEntry)
                    .Assembly.GetTypes()
                    .Where(type => type.IsAssignableTo(typeof(IEntry)) && !type.IsAbstract)
            )
        );

    [Test]
    public void Lists_are_in_the_order_of_reports()
    {
        Assert.That(
            Architecture.All.Select(a => a.Order),
            Is.Ordered.And.Unique,
            "a new architecture comes after the others, so that theirs stay as they are"
        );
        Assert.That(Sequor.Workloads.Tasks.All.Select(t => t.Order), Is.Ordered.And.Unique);
        Assert.That(
            Sequor.Workloads.Optimizers.Names,
            Is.Ordered.Using<string>(StringComparer.Ordinal)
        );
    }

    [Test]
    public void A_name_that_is_not_there_is_refused_with_those_that_are()
    {
        foreach (
            (Func<string, object> get, string what, IEnumerable<string> names) in ((
                Func<string, object>,
                string,
                IEnumerable<string>
            )[])
                [
                    (Architecture.Get, "architecture", Architecture.Names),
                    (
                        Sequor.Workloads.Optimizers.Get,
                        "optimizer",
                        Sequor.Workloads.Optimizers.Names
                    ),
                    (Sequor.Workloads.Tasks.Get, "task", Tasks),
                ]
        )
        {
            Assert.That(
                () => get("none\nsuch"),
                Throws.ArgumentException.With.Message.StartsWith(
                    $"unknown {what} 'none\\nsuch'; allowed: {string.Join(", ", names)}"
                )
            );
        }
    }

    [Test]
    public void An_optimizer_has_the_name_of_its_entry_and_decays_where_the_entry_says(
        [ValueSource(typeof(Listed), nameof(Listed.Optimizers))] string name
    )
    {
        OptimizerEntry entry = Sequor.Workloads.Optimizers.Get(name);
        using var model = new Linear(3, 2);
        using Plan plan = model.Plan(Backends.Get(256, 1), 1, 1, Mode.Training);
        using var optimizer = (FusedOptimizer)entry.Create(plan, 0.25f);

        Assert.That(optimizer.Name, Is.EqualTo(name));
        Assert.That(optimizer.LearningRate, Is.EqualTo(0.25f));
        Assert.That(optimizer.Rule.Decay, Is.EqualTo(entry.Decay ?? 0));
        if (entry.Decay is null)
        {
            Assert.That(
                () => entry.Create(plan, 0.25f, decay: 0.1f),
                Throws.ArgumentException.With.Message.Contains($"{name} has no weight decay")
            );
            return;
        }
        using var decaying = (FusedOptimizer)entry.Create(plan, 0.25f, decay: 0.125f);
        Assert.That(decaying.Rule.Decay, Is.EqualTo(0.125f));
    }

    [Test]
    public void A_task_without_a_file_takes_no_data_and_one_with_a_file_needs_them(
        [ValueSource(nameof(Tasks))] string name
    )
    {
        TaskEntry task = Sequor.Workloads.Tasks.Get(name);
        if (task.Files.Count == 0)
        {
            Assert.That(
                () => task.Load("x"),
                Throws.InvalidOperationException.With.Message.Contains($"{name} takes no data")
            );
            return;
        }
        if (task.IsDrawn)
            return;
        Assert.That(
            () => task.CreateSets(8, 0, 1, null),
            Throws.ArgumentException.With.Message.Contains($"{name} needs data")
        );
    }

    [Test]
    public void A_model_has_the_ends_that_a_task_asks_for(
        [ValueSource(typeof(Listed), nameof(Listed.Architectures))] string name,
        [ValueSource(nameof(Tasks))] string task
    )
    {
        Architecture architecture = Architecture.Get(name);
        ModelEnds ends = Sequor.Workloads.Tasks.Get(task).Ends;
        using Sequential model = architecture.Create(ends, architecture.Sized(4, 2));
        using Plan plan = model.Plan(Backends.Get(256, 1), 3, 2, Mode.Training);

        Assert.That(model.InputSize, Is.EqualTo(ends.Inputs));
        Assert.That(plan.MaxOutput, Is.EqualTo(new Shape(ends.OneOutput ? 1 : 3, 2, ends.Outputs)));
        Assert.That(
            architecture.KeptBytes(200, architecture.Sized(8, 2)),
            Is.GreaterThan(architecture.KeptBytes(100, architecture.Sized(8, 2)))
                .And.GreaterThan(architecture.KeptBytes(200, architecture.Sized(4, 2)))
        );
        Assert.That(
            () => architecture.Create(ends, architecture.Sized(4, architecture.MaxDepth + 1)),
            Throws.InstanceOf<ArgumentOutOfRangeException>()
        );
    }
}
