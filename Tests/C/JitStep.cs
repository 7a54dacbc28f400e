using Sequor.Layers;

namespace Sequor.Tests.C;

/// <summary>The training step of measure.c, run by the JIT: an LSTM of 70,000 parameters at T=600, B=32.</summary>
internal sealed class JitStep : IDisposable
{
    private const int T = 600;
    private const int B = 32;

    private readonly Backend _backend;
    private readonly Sequential _model = new(new Lstm(2, 130), new Last(130), new Linear(130, 1));
    private readonly Plan _plan;
    private readonly MeanSquaredError _loss;
    private readonly Adam _adam;

    /// <summary>Loads the same values.</summary>
    public JitStep(int threads, int vectorBits)
    {
        _backend = Backend.Create(
            Device.Cpu,
            new CpuOptions { Threads = threads, VectorBits = vectorBits }
        );
        _plan = _model.Plan(_backend, T, B, Mode.Training);
        _loss = new MeanSquaredError(_plan);
        _adam = new Adam(_plan, 1e-3f);
        _plan.SetInput([.. Enumerable.Range(0, T * B * 2).Select(i => i % 17 / 17f)], T, B);
        _loss.SetTargets(new float[B]);
    }

    /// <summary>Runs a step.</summary>
    public void Run()
    {
        _plan.Forward(_plan.Input(T, B));
        _plan.Backward(_loss.Compute());
        _adam.Step();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _adam.Dispose();
        _loss.Dispose();
        _plan.Dispose();
        _model.Dispose();
        _backend.Dispose();
    }
}
