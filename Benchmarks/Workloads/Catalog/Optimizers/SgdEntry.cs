using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Gradient descent without momentum; see <see cref="Sgd"/>.</summary>
internal sealed class SgdEntry : OptimizerEntry
{
    public override string Name => "sgd";

    private protected override Optimizer Make(
        Plan plan,
        float rate,
        float decay,
        IReadOnlyList<ParameterGroup>? groups
    ) => new Sgd(plan, rate, groups: groups);
}
