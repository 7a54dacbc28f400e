using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Adam, as PyTorch has it; see <see cref="Adam"/>.</summary>
internal sealed class AdamEntry : OptimizerEntry
{
    public override string Name => "adam";

    private protected override Optimizer Make(
        Plan plan,
        float rate,
        float decay,
        IReadOnlyList<ParameterGroup>? groups
    ) => new Adam(plan, rate, groups: groups);
}
