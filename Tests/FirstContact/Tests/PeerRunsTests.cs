using NUnit.Framework;

namespace Sequor.FirstContact.Tests;

/// <summary>How steps are set beside a peer's.</summary>
[TestFixture]
internal sealed class PeerRunsTests
{
    private static readonly PeerMode[] Modes =
    [
        new("eager", false, "torch_peer.py"),
        new("graphed", true, "torch_peer.py"),
        new("jax", true, "jax_peer.py", "lru"),
        new("compiled", true, "torch_peer.py"),
    ];

    private readonly List<string> _order = [];
    private int _runs;

    [SetUp]
    public void Forget()
    {
        _order.Clear();
        _runs = 0;
    }

    [Test]
    public void Both_sides_run_in_turn_and_the_shortest_counts()
    {
        CheckOutcome outcome = Runs((mode, _) => new PeerStep(mode == "eager" ? 4 : 2, false))
            .Run();

        Assert.That(outcome.Verdict, Is.EqualTo(CheckOutcome.IsHeld));
        Assert.That(
            _order.Take(8),
            Is.EqualTo(
                (string[])
                    [
                        "ours False",
                        "eager lstm",
                        "ours True",
                        "graphed lstm",
                        "ours True",
                        "jax lru",
                        "ours True",
                        "compiled lstm",
                    ]
            )
        );
        Assert.That(_order, Has.Count.EqualTo(16));
        Dictionary<string, double> found = outcome.Figures.ToDictionary(f => f.Name, f => f.Value);
        Assert.That(found["lstm, ours, graph off"], Is.EqualTo(1));
        Assert.That(found["lstm, ours over eager"], Is.EqualTo(0.25));
        Assert.That(found["lstm, ours over graphed"], Is.EqualTo(1));
        Assert.That(found["lru, ours over jax"], Is.EqualTo(1.5));
        Assert.That(found["TF32 in a peer (1: on)"], Is.Zero);
    }

    [Test]
    public void Other_arithmetic_is_no_comparison()
    {
        CheckOutcome outcome = Runs((_, _) => new PeerStep(1, true)).Run();

        Assert.That(outcome.Verdict, Is.EqualTo(CheckOutcome.IsDifferent));
        Assert.That(outcome.Reason, Does.Contain("TF32"));
    }

    [Test]
    public void What_did_not_run_is_told()
    {
        CheckOutcome some = Runs((mode, _) => mode == "compiled" ? null : new PeerStep(1, false))
            .Run();
        CheckOutcome none = Runs((_, _) => null).Run();

        Assert.That(some.Verdict, Is.EqualTo(CheckOutcome.IsHeld));
        Assert.That(
            some.Figures.Select(f => f.Name),
            Has.Member("lstm, compiled: did not run; the log says why")
                .And.Member("not measured: JAX sees no GPU: 0.4 False")
        );
        Assert.That(none.Verdict, Is.EqualTo(CheckOutcome.IsFailed));
    }

    [Test]
    public void What_there_is_no_time_for_is_told()
    {
        CheckOutcome outcome = Runs((_, _) => new PeerStep(1, false), () => _order.Count < 3).Run();

        Assert.That(_order, Is.EqualTo((string[])["ours False", "eager lstm", "ours True"]));
        Assert.That(outcome.Verdict, Is.EqualTo(CheckOutcome.IsHeld));
        Assert.That(
            outcome
                .Figures.Select(f => f.Name)
                .Where(n => n.EndsWith("no time left", StringComparison.Ordinal)),
            Is.EqualTo(
                (string[])
                    [
                        "compiled: no time left",
                        "eager: no time left",
                        "graphed: no time left",
                        "jax: no time left",
                        "lstm, graphed: no time left",
                    ]
            )
        );
    }

    private PeerRuns Runs(Func<string, BenchReading, PeerStep?> peer, Func<bool>? isTime = null) =>
        new(
            Modes,
            ["JAX sees no GPU: 0.4 False"],
            mode =>
            {
                bool graph = mode.Graph;
                string arch = mode.Only ?? "lstm";
                _order.Add($"ours {graph}");
                _runs++;
                // Of the rounds the first is the shortest, of graphs the third run.
                return [new BenchReading(arch, 8, 1, 4, 2, graph && _runs < 3 ? 2 : _runs)];
            },
            (mode, reading) =>
            {
                _order.Add($"{mode.Name} {reading.Arch}");
                return peer(mode.Name, reading);
            },
            isTime ?? (() => true)
        );
}
