using BenchmarkDotNet.Attributes;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Suites;

/// <summary>
/// Steps of a stream, where each call goes on from the last one's state: the recurrent networks, TCN and LRU of 70,000 parameters (Bai, Kolter
/// and Koltun 2018, Table 1; Orvieto et al. 2023 for the LRU), for one sequence and for many, a step at a time and sixteen.
/// </summary>
public class StreamingSuite : PlanSuite
{
    private const int Inputs = 2;

    /// <summary>The network's name.</summary>
    [Params("rnn", "lstm", "gru", "tcn", "lru")]
    public string Arch { get; set; } = "";

    /// <summary>Sequences.</summary>
    [Params(1, 32)]
    public int Batch { get; set; }

    /// <summary>Steps a call.</summary>
    [Params(1, 16)]
    public int Steps { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        Layer model = Arch switch
        {
            "rnn" => new Rnn(Inputs, 262),
            "lstm" => new Lstm(Inputs, 130),
            "gru" => new Gru(Inputs, 151),
            "tcn" => new Tcn(Inputs, [.. Enumerable.Repeat(24, 8)], kernel: 8),
            _ => new Lru(Inputs, 53, 53, 4),
        };
        MakePlan(model, Steps, Batch, Mode.Streaming);
        MeasureForward();
    }

    /// <summary>One call.</summary>
    [Benchmark]
    public void Step() => Run();
}
