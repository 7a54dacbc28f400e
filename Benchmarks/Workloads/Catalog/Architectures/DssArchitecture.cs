using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The diagonal state space of Gupta et al. (2022), 2203.14343, in blocks with a linear layer.</summary>
internal sealed class DssArchitecture : StateSpaceArchitecture
{
    private const string Exp = "exp";

    public override string Name => "dss";

    public override int Order => 22;

    public override bool IsCompared => false;

    public override string Title => "DSS";

    public override IReadOnlyList<string> Forms { get; } = ["softmax", Exp];

    private protected override int UsualStates => 64;

    private protected override BlockMixing Mixing => BlockMixing.Linear;

    public override ParameterGroup Recurrence(float rateFactor) => Dss.Recurrence(rateFactor);

    private protected override Layer Core(PresetModel sizes) =>
        new Dss(
            sizes.Hidden,
            sizes.States,
            new DssOptions
            {
                Kernel = sizes.Form == Exp ? DssKernel.Exp : DssKernel.Softmax,
                Bidirectional = sizes.Bidirectional,
            }
        );
}
