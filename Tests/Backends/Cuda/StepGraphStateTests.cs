using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Recurrent states and lengths that the host changes between the steps of a <see cref="StepGraph"/>: each step gives what one
/// that is not recorded gives.
/// </summary>
[TestFixture]
public sealed class StepGraphStateTests : StepGraphFixture
{
    private static readonly Dictionary<string, Func<Layer>> Recurrents = new()
    {
        ["lstm"] = () =>
            new Lstm(Inputs, 4, new RecurrentOptions { Layers = 2, ProjectionSize = 3 }),
        ["gru"] = () => new Gru(Inputs, 4),
    };

    private static IEnumerable<string> Names => Recurrents.Keys;

    [Test]
    public void States_that_are_reset_and_carried_over_between_steps(
        [ValueSource(nameof(Names))] string name
    )
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu, Recurrents[name](), states: true),
            before: run =>
            {
                if (run.Number % 4 == 0)
                    run.Plan.States.Reset();
            },
            after: run => run.Plan.States.CarryOver()
        );
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps), graph.EagerReason);
    }

    [Test]
    public void Initial_states_that_are_asked_for_late([ValueSource(nameof(Names))] string name)
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu, Recurrents[name](), states: true),
            before: run =>
            {
                if (run.Number < Change)
                    return;
                RecurrentState initial = run.Plan.States["0"].Initial(B);
                initial.Hidden.Write(
                    new Draw((ulong)run.Number).Uniform((int)initial.Hidden.Count)
                );
            }
        );
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps), graph.EagerReason);
    }

    [Test]
    public void States_that_the_step_itself_carries_over_and_resets_at_times()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu, new Lstm(Inputs, 4), states: true),
            step: run =>
            {
                if (run.Number % 3 == 2)
                    run.Plan.States.Reset();
                run.Train();
                run.Plan.States.CarryOver();
            }
        );
        Assert.That((graph.Graphs, graph.EagerReason), Is.EqualTo((2, (string?)null)));
        Assert.That(graph.Replays, Is.GreaterThan(4));
    }

    [Test]
    public void Final_states_are_those_of_the_batch_that_was_replayed()
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu, new Gru(Inputs, 4), states: true),
            before: run =>
            {
                run.Plan.States.Reset();
                run.Batch = 1 + run.Number % B;
            },
            after: run => run.Noted.AddRange(run.Plan.States["0"].Final.Hidden.ToArray())
        );
        Assert.That((graph.Graphs, graph.Replays), Is.EqualTo((2, (long)Steps - 4)));
    }

    [Test]
    public void Lengths_that_are_given_to_the_step_late([Values] bool packed)
    {
        StepGraph graph = Alike(
            () => new StepRun(Gpu, new Gru(Inputs, 4), variableLengths: true),
            step: run =>
            {
                int[] lengths = run.Number < Change || run.Number == Change + 3 ? [T, T] : [T, 1];
                if (packed && lengths[1] < T)
                    run.Plan.ForwardPacked(run.Rows(lengths.Sum()), lengths);
                else
                    run.Plan.Forward(run.Plan.Input(T, B), lengths);
                run.TrainFrom(run.Plan.Output);
            }
        );
        Assert.That(graph.EagerReason, Does.Contain("differ in length"));
        Assert.That(graph.Replays, Is.EqualTo(Change - StepGraph.EagerSteps + 1));
    }
}
