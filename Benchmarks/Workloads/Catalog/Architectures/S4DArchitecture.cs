using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The diagonal state space of Gu et al. (2022), 2206.11893, in blocks with a gated linear unit.</summary>
internal sealed class S4DArchitecture : StateSpaceArchitecture
{
    // In the order of the paper's favour: the simplest that approximates S4 best, the simplest, the first of all, without phases.
    private static readonly (string Name, S4DInitialization Start)[] Starts =
    [
        ("inv", S4DInitialization.Inv),
        ("lin", S4DInitialization.Lin),
        ("legs", S4DInitialization.LegS),
        ("real", S4DInitialization.Real),
    ];

    public override string Name => "s4d";

    public override int Order => 21;

    public override bool IsCompared => false;

    public override string Title => "S4D";

    public override IReadOnlyList<string> Forms { get; } = [.. Starts.Select(s => s.Name)];

    // Half of the paper's N = 64, which counts conjugates.
    private protected override int UsualStates => 32;

    private protected override BlockMixing Mixing => BlockMixing.Glu;

    public override ParameterGroup Recurrence(float rateFactor) => S4D.Recurrence(rateFactor);

    private protected override Layer Core(PresetModel sizes) =>
        new S4D(
            sizes.Hidden,
            sizes.States,
            new S4DOptions
            {
                Initialization = Starts.First(s => s.Name == (sizes.Form ?? Forms[0])).Start,
                Bidirectional = sizes.Bidirectional,
            }
        );
}
