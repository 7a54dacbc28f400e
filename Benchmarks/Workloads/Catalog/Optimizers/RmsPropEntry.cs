using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>RMSProp, as PyTorch has it; see <see cref="RmsProp"/>.</summary>
internal sealed class RmsPropEntry : OptimizerEntry
{
    public override string Name => "rmsprop";

    private protected override Optimizer Make(
        Plan plan,
        float rate,
        float decay,
        IReadOnlyList<ParameterGroup>? groups
    ) => new RmsProp(plan, rate, groups: groups);
}
