using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The LRU's blocks around a dense recurrence that is linear.</summary>
internal sealed class LinearArchitecture : DenseBlockArchitecture
{
    public override string Name => "linear";

    public override int Order => 12;

    public override string Title => "linear RNN in blocks";

    public override Rung OnLadder { get; } = new(3, "no nonlinearity within the recurrence");

    private protected override RnnActivation Activation => RnnActivation.Linear;

    // Nothing else bounds the states of this rung: drawn as the others', most of its matrices overflow within the papers' lengths.
    private protected override RecurrentInitialization Initialization =>
        RecurrentInitialization.NormalWithinCircle;
}
