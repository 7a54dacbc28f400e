using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>Steps that could be recorded, on a backend that records nothing; and targets that are loaded before the step.</summary>
[TestFixture]
[NonParallelizable]
public sealed class StepGraphTests
{
    private const int T = 6;
    private const int B = 3;

    private Sequential _model = null!;
    private Plan _plan = null!;
    private MeanSquaredError _loss = null!;
    private Sgd _optimizer = null!;
    private StepGraph _graph = null!;

    [SetUp]
    public void Make()
    {
        _model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        _plan = _model.Plan(Backends.Get(256, 1), T, B, Mode.Training);
        _loss = new MeanSquaredError(_plan);
        _optimizer = new Sgd(_plan, 0.05f);
        _graph = new StepGraph(
            _plan,
            () =>
            {
                _plan.Forward(_plan.Input(T, B));
                _plan.Backward(_loss.Compute());
                _optimizer.Step();
            }
        );
    }

    [TearDown]
    public void Free()
    {
        _graph.Dispose();
        _optimizer.Dispose();
        _loss.Dispose();
        _plan.Dispose();
        _model.Dispose();
    }

    [Test]
    public void On_a_cpu_every_step_runs_as_it_is()
    {
        var losses = new List<float>();
        for (int i = 0; i < 5; i++)
        {
            _plan.Input(T, B).Write(new Draw(1).Uniform(T * B * 2));
            _loss.SetTargets(new Draw(2).Uniform(B));
            _graph.Run();
            losses.Add(_loss.ReadValue());
        }

        Assert.That(losses, Is.Ordered.Descending);
        Assert.That(_graph.EagerRuns, Is.EqualTo(5));
        Assert.That(_graph.EagerReason, Is.EqualTo("only a GPU records steps"));
        Assert.That((_graph.Replays, _graph.Graphs, _graph.Nodes), Is.EqualTo((0L, 0, 0L)));
    }

    [Test]
    public void A_step_allocates_nothing()
    {
        _plan.Input(T, B).Write(new Draw(1).Uniform(T * B * 2));
        _loss.SetTargets(new Draw(2).Uniform(B));
        Assert.That(Allocated.Least(_graph.Run), Is.Zero);
    }

    [Test]
    public void Targets_that_are_loaded_first_give_the_same_gradient()
    {
        float[] x = new Draw(1).Uniform(T * B * 2);
        float[] y = new Draw(2).Uniform(B);
        _plan.Forward(x, T, B);
        float[] expected = _loss.Compute(y).ToArray();
        _plan.Input(T, B).Write(x);
        _loss.SetTargets(y);
        _plan.Forward(_plan.Input(T, B));

        Assert.That(_loss.Compute().ToArray(), Is.EqualTo(expected));
    }

    [Test]
    public void Targets_of_another_shape_are_refused()
    {
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => _loss.SetTargets(new float[B])).Message,
            Does.Contain("asked for no input")
        );
        _plan.Input(T, B);
        Assert.That(
            Assert.Throws<ArgumentException>(() => _loss.SetTargets(new float[B + 1])).Message,
            Does.Contain($"wants {B} targets")
        );
        _loss.SetTargets(new float[B]);
        _plan.Forward(new Draw(1).Uniform(T * 2 * 2), T, 2);
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => _loss.Compute()).Message,
            Does.Contain("loaded for an output [1, 3, 1], and it is [1, 2, 1]")
        );
    }

    [Test]
    public void Wrong_arguments_are_refused()
    {
        Assert.Throws<ArgumentNullException>(() => _ = new StepGraph(null!, () => { }));
        Assert.Throws<ArgumentNullException>(() => _ = new StepGraph(_plan, null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new StepGraph(_plan, () => { }, 0));
    }
}
