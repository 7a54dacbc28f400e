using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Adam with decoupled weight decay; see <see cref="AdamW"/>.</summary>
internal sealed class AdamWEntry : OptimizerEntry
{
    public override string Name => "adamw";

    public override string Note => "adamw decays by 0.01";

    public override float? Decay => 0.01f;

    private protected override Optimizer Make(
        Plan plan,
        float rate,
        float decay,
        IReadOnlyList<ParameterGroup>? groups
    ) => new AdamW(plan, rate, decay, groups: groups);
}
