using BenchmarkDotNet.Attributes;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Suites;

/// <summary>
/// The update of all parameters, the norm of their gradients included, with clipping as the papers have it: of models of 16,000 and 70,000
/// parameters (copy memory and the adding problem in Bai, Kolter and Koltun 2018, Table 1), of 3 and 13 million (characters and words of the
/// Penn Treebank there).
/// </summary>
public class OptimizerSuite : PlanSuite
{
    /// <summary>The optimizer's name.</summary>
    [ParamsSource(nameof(Names))]
    public string Rule { get; set; } = "";

    /// <summary>Trained values.</summary>
    [Params(16_000, 70_000, 3_000_000, 13_000_000)]
    public int Parameters { get; set; }

    /// <summary>All that can be chosen.</summary>
    public static IEnumerable<string> Names => Workloads.Optimizers.Names;

    [GlobalSetup]
    public void SetUp()
    {
        // The shape of the parameters does not matter: they lie in one block.
        MakePlan(new Linear(Parameters / 100, 100, bias: false), 1, 1);
        Optimizer optimizer = Own(Workloads.Optimizers.Get(Rule).Create(Plan, 1e-6f));
        optimizer.MaxGradientNorm = 1f;
        Plan.Forward(Plan.Input(1, 1));
        Plan.Gradients.Write(Numbers(Plan.Gradients.Count, seed: 3));
        Measure(optimizer.Step);
    }

    /// <summary>One update.</summary>
    [Benchmark]
    public void Step() => Run();
}
