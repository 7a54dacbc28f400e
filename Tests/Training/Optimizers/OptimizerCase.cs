using Sequor.Layers;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Optimizers;

/// <summary>An optimizer beside its reference, both with the same constants.</summary>
/// <param name="Make">Makes the optimizer of a plan, with a rate and groups.</param>
/// <param name="Reference">Makes the reference, with a rate, and with or without the weight decay.</param>
internal sealed record OptimizerCase(
    Func<Plan, float, IReadOnlyList<ParameterGroup>?, Optimizer> Make,
    Func<double, bool, ReferenceSteps> Reference
)
{
    private const float Momentum = 0.8f;
    private const float Smoothing = 0.9f;
    private const float Decay = 0.3f;
    private const float Beta1 = 0.9f;
    private const float Beta2 = 0.999f;

    private static readonly Dictionary<string, OptimizerCase> All = new()
    {
        ["sgd"] = new(
            (plan, rate, groups) => new Sgd(plan, rate, groups: groups),
            (rate, _) =>
            {
                var sgd = new Ref.Sgd(rate);
                return new(sgd.Step, value => sgd.LearningRate = value);
            }
        ),
        ["momentum"] = new(
            (plan, rate, groups) => new Sgd(plan, rate, Momentum, groups),
            (rate, _) =>
            {
                var sgd = new Ref.Sgd(rate, Momentum);
                return new(sgd.Step, value => sgd.LearningRate = value);
            }
        ),
        ["nesterov"] = new(
            (plan, rate, groups) => new Nesterov(plan, rate, Momentum, groups),
            (rate, _) =>
            {
                var nesterov = new Ref.Nesterov(rate, Momentum);
                return new(nesterov.Step, value => nesterov.LearningRate = value);
            }
        ),
        ["rmsprop"] = new(
            (plan, rate, groups) => new RmsProp(plan, rate, Smoothing, groups: groups),
            (rate, _) =>
            {
                var root = new Ref.RmsProp(rate, Smoothing);
                return new(root.Step, value => root.LearningRate = value);
            }
        ),
        ["adam"] = new(
            (plan, rate, groups) => new Adam(plan, rate, groups: groups),
            (rate, _) =>
            {
                var adam = new Ref.Adam(rate, Beta1, Beta2);
                return new(adam.Step, value => adam.LearningRate = value);
            }
        ),
        ["adamw"] = new(
            (plan, rate, groups) => new AdamW(plan, rate, Decay, groups: groups),
            (rate, decays) =>
            {
                var adam = new Ref.AdamW(rate, decays ? Decay : 0, Beta1, Beta2);
                return new(adam.Step, value => adam.LearningRate = value);
            }
        )
        {
            Decays = true,
        },
    };

    /// <summary>Whether parameters change without a gradient.</summary>
    public bool Decays { get; private init; }

    public static IEnumerable<string> Names => All.Keys;

    public static OptimizerCase Get(string name) => All[name];
}

/// <summary>A reference optimizer.</summary>
/// <param name="Step">Changes parameters, the first, by gradients.</param>
/// <param name="SetRate">Changes the rate of the next steps.</param>
internal sealed record ReferenceSteps(Action<double[][], double[][]> Step, Action<double> SetRate);
