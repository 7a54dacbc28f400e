using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>Calls of a step that are put off, on a backend that records nothing.</summary>
[TestFixture]
[NonParallelizable]
public sealed class StepTracerTests
{
    private const int T = 4;
    private const int B = 3;

    private Sequential _model = null!;
    private Plan _plan = null!;
    private MeanSquaredError _loss = null!;
    private Adam _optimizer = null!;
    private StepTracer _tracer = null!;

    [SetUp]
    public void Make()
    {
        Backend backend = Backends.Get(256, 1);
        _model = new Sequential(new Gru(2, 5), new Linear(5, 1));
        _plan = _model.Plan(
            backend,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true, States = true }
        );
        _loss = new MeanSquaredError(_plan);
        _optimizer = new Adam(_plan, 0.05f);
        _tracer = new StepTracer(backend);
        _plan.SetInput(new Draw(1).Uniform(T * B * 2), T, B);
        _loss.SetTargets(new Draw(2).Uniform(T * B));
        _tracer.Trace(Step, putOff: false);
        _tracer.Remember();
    }

    [TearDown]
    public void Free()
    {
        _optimizer.Dispose();
        _loss.Dispose();
        _plan.Dispose();
        _model.Dispose();
    }

    [Test]
    public void A_known_step_does_nothing_until_it_is_queued()
    {
        float[] before = _plan.Parameters.ToArray();
        float loss = _loss.ReadValue();
        _tracer.Trace(Step, putOff: true);

        Assert.That(_tracer.IsPuttingOff, Is.True);
        Assert.That(_tracer.Noted(), Is.SameAs(_tracer.Known[0]));
        Assert.That(_plan.Parameters.ToArray(), Is.EqualTo(before));
        Assert.That(_plan.InputGradient.Shape, Is.EqualTo(new Shape(T, B, 2)));

        _tracer.QueueNoted();
        Assert.That(_tracer.IsPuttingOff, Is.False);
        Assert.That(_plan.Parameters.ToArray(), Is.Not.EqualTo(before));
        Assert.That(_loss.ReadValue(), Is.LessThan(loss));
    }

    [Test]
    public void Putting_a_step_off_allocates_nothing() =>
        Assert.That(
            Allocated.Least(() =>
            {
                _tracer.Trace(_step ??= Step, putOff: true);
                _ = _tracer.Noted();
            }),
            Is.Zero
        );

    [Test]
    public void A_step_that_ends_early_is_another_one()
    {
        _tracer.Trace(() => _plan.Forward(_plan.Input(T, B)), putOff: true);
        Assert.That(_tracer.IsPuttingOff, Is.True);
        Assert.That(_tracer.Noted(), Is.Null);
    }

    private Action? _step;

    private void Step()
    {
        _plan.Forward(_plan.Input(T, B));
        _plan.Backward(_loss.Compute());
        _optimizer.Step();
        _plan.States.CarryOver();
    }
}
