using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Gradient descent with Nesterov's momentum; see <see cref="Nesterov"/>.</summary>
internal sealed class NesterovEntry : OptimizerEntry
{
    public override string Name => "nesterov";

    public override string Note => "nesterov has a momentum of 0.9";

    private protected override Optimizer Make(
        Plan plan,
        float rate,
        float decay,
        IReadOnlyList<ParameterGroup>? groups
    ) => new Nesterov(plan, rate, groups: groups);
}
