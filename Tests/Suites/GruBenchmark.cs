using BenchmarkDotNet.Attributes;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;

namespace Sequor.Tests.Suites;

#pragma warning disable CA1001 // BenchmarkDotNet calls CleanUp.

/// <summary>What the README of Sequor.BenchmarkDotNet shows.</summary>
[SequorDiagnoser]
public class GruBenchmark
{
    private Backend _backend = null!;
    private Gru _model = null!;
    private Plan _plan = null!;
    private Tensor _input;

    [GlobalSetup]
    public void SetUp()
    {
        _backend = Backend.Create(Device.Cpu);
        _model = new Gru(inputSize: 16, hiddenSize: 64);
        _plan = _model.Plan(_backend, maxLength: 100, maxBatch: 32, Mode.Training);
        _input = _plan.Input(100, 32);
    }

    [Benchmark]
    public void Forward()
    {
        Queue();
        _backend.Synchronize();
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        SequorDiagnostics.Report(_plan, Queue);
        _plan.Dispose();
        _model.Dispose();
        _backend.Dispose();
    }

    private void Queue() => _plan.Forward(_input);
}
