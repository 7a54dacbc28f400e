using NUnit.Framework;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>The order of runs that share their time: the shortest first, and none measured without need.</summary>
[TestFixture]
public sealed class RunOrderTests
{
    private readonly List<string> _measured = [];

    // Of each its bound and what it takes.
    private RunOrder<string> Order(params (string Name, double Least, double Takes)[] runs)
    {
        _measured.Clear();
        Dictionary<string, (string, double Least, double Takes)> all = runs.ToDictionary(r =>
            r.Name
        );
        return new RunOrder<string>(
            runs.Select(r => r.Name),
            name => all[name].Least,
            name =>
            {
                _measured.Add(name);
                return all[name].Takes;
            }
        );
    }

    [Test]
    public void The_shortest_comes_first_whatever_its_bound()
    {
        RunOrder<string> order = Order(("a", 1, 50), ("b", 2, 10), ("c", 3, 20), ("d", 4, 5));
        var taken = new List<string>();
        while (order.Take() is { } next)
        {
            Assert.That(next.IsMeasured);
            taken.Add(next.Run);
        }
        Assert.That(taken, Is.EqualTo(new[] { "d", "b", "c", "a" }));
        Assert.That(_measured, Is.EquivalentTo(taken), "each once");
    }

    [Test]
    public void What_takes_longer_at_the_least_is_not_measured()
    {
        RunOrder<string> order = Order(("long", 100, 1000), ("short", 1, 2));
        Assert.That(order.Take(), Is.EqualTo(new ExpectedRun<string>("short", 2, true)));
        Assert.That(_measured, Is.EqualTo(new[] { "short" }));
        Assert.That(order.Left, Is.EqualTo(new[] { new ExpectedRun<string>("long", 100, false) }));
    }

    [Test]
    public void What_does_not_fit_is_begun_without_a_measurement()
    {
        RunOrder<string> order = Order(("longest", 200, 300), ("long", 100, 110));
        Assert.That(
            order.Take(seconds: 50),
            Is.EqualTo(new ExpectedRun<string>("long", 100, false))
        );
        Assert.That(_measured, Is.Empty);
        Assert.That(
            order.Take(seconds: 250),
            Is.EqualTo(new ExpectedRun<string>("longest", 300, true))
        );
        Assert.That(order.Take(), Is.Null);
    }

    [Test]
    public void Of_those_that_take_as_long_the_first_comes_first()
    {
        RunOrder<string> order = Order(("a", 1, 5), ("b", 1, 5), ("c", 0, 5));
        Assert.That(
            new[] { order.Take()!.Value.Run, order.Take()!.Value.Run, order.Take()!.Value.Run },
            Is.EqualTo(new[] { "a", "b", "c" })
        );
    }

    [Test]
    public void A_measurement_that_fails_takes_its_run_out_of_the_order()
    {
        var order = new RunOrder<string>(
            ["broken", "whole"],
            _ => 0,
            name => name == "broken" ? throw new InvalidOperationException() : 1
        );
        Assert.That(() => order.Take(), Throws.InvalidOperationException);
        Assert.That(order.Take()!.Value.Run, Is.EqualTo("whole"));
        Assert.That(order.Take(), Is.Null);
    }
}
