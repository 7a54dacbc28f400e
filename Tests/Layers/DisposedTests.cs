using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>What is used after its end must say so, not read freed memory or hang.</summary>
public sealed class DisposedTests
{
    private Backend _backend = null!;
    private Layer _model = null!;
    private Plan _plan = null!;
    private MeanSquaredError _loss = null!;
    private Adam _optimizer = null!;

    private static readonly float[] X = new Draw(1).Uniform(64 * 8 * 4);

    // Of each kind: they reach their memory on ways of their own.
    private void Begin(string kind, int threads)
    {
        _backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = threads });
        _model = Models.Small(kind);
        _plan = _model.Plan(_backend, 64, 8, Mode.Training);
        _loss = new MeanSquaredError(_plan);
        _optimizer = new Adam(_plan, 0.1f);
        Step();
    }

    private void Step()
    {
        Forward();
        _plan.Backward(_loss.Compute(new float[_plan.Output.Count]));
        _optimizer.Step();
    }

    private void Forward() => _plan.Forward(X.AsSpan(0, 64 * 8 * _model.InputSize), 64, 8);

    [TearDown]
    public void End()
    {
        _optimizer.Dispose();
        _loss.Dispose();
        _plan.Dispose();
        _model.Dispose();
        _backend.Dispose();
    }

    [Test]
    public void A_disposed_plan_is_refused(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind
    )
    {
        Begin(kind, 1);
        Forward();
        Tensor gradient = _loss.Compute(new float[_plan.Output.Count]);
        _plan.Dispose();

        Refuse(Forward);
        Refuse(() => _plan.Backward(gradient));
        Refuse(() => _optimizer.Step());
        Refuse(() => _plan.Output.ToArray());
    }

    [Test]
    public void A_disposed_model_is_refused(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind
    )
    {
        Begin(kind, 1);
        _model.Dispose();

        Refuse(Forward);
        Refuse(() => _plan.Parameters.ToArray());
    }

    [Test]
    public void A_disposed_loss_or_optimizer_is_refused()
    {
        Begin("linear", 1);
        _loss.Dispose();
        _optimizer.Dispose();

        Refuse(() => _loss.Compute(new float[_plan.Output.Count]));
        Refuse(() => _loss.ReadValue());
        Refuse(() => _optimizer.Step());
        Refuse(() => _optimizer.LearningRate = 1f);
    }

    [Test]
    public void A_disposed_backend_is_refused(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind,
        [Values(1, 2)] int threads
    )
    {
        Begin(kind, threads);
        _backend.Dispose();

        Refuse(Forward);
    }

    private static void Refuse(Action act) => Refusal.Of<ObjectDisposedException>("", act).Check();
}
