using BenchmarkDotNet.Attributes;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;

namespace Sequor.Tests.Suites;

/// <summary>A benchmark as a user of the diagnoser writes it: a small network, and one that forgets to report.</summary>
[SequorDiagnoser]
public class TinyBenchmark : IDisposable
{
    private Backend? _backend;
    private Gru? _model;
    private Plan? _plan;
    private Tensor _input;

    /// <summary>Sequences.</summary>
    [Params(2, 3)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        _model = new Gru(2, 4);
        _plan = _model.Plan(_backend, maxLength: 5, maxBatch: Batch, Mode.Training);
        _input = _plan.Input(5, Batch);
        _input.Write(new float[5 * Batch * 2]);
    }

    [Benchmark]
    public void Forward()
    {
        Queue();
        _backend!.Synchronize();
    }

    [Benchmark]
    public void Forgetful() => Forward();

    [GlobalCleanup(Target = nameof(Forward))]
    public void CleanUp()
    {
        SequorDiagnostics.Report(_plan!, Queue);
        Dispose();
    }

    [GlobalCleanup(Target = nameof(Forgetful))]
    public void Dispose()
    {
        _plan?.Dispose();
        _model?.Dispose();
        _backend?.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Queue() => _plan!.Forward(_input);
}
