using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What S4D and DSS have in common: a linear encoder, residual blocks around a state space, and the mean of their outputs.</summary>
internal abstract class StateSpaceArchitecture : Architecture
{
    public override string DepthName => "block";

    // As in both papers' runs of the Long Range Arena.
    public override int DefaultDepth => 6;

    public override ModelDetails Details =>
        ModelDetails.States | ModelDetails.SharedDropout | ModelDetails.Bidirectional;

    public override SizeKnob Knob { get; } = SizeKnob.States();

    private protected override bool DropsWithin => true;

    /// <summary>Complex states of a channel, where none are asked for.</summary>
    private protected abstract int UsualStates { get; }

    private protected abstract BlockMixing Mixing { get; }

    private protected abstract Layer Core(PresetModel sizes);

    public override PresetModel Sized(int width, int depth) =>
        base.Sized(width, depth) with
        {
            States = UsualStates,
        };

    // The encoder's output; a block's output of its core, the two gates of a GLU, its output and two statistics. States are not kept.
    public override long KeptBytes(long rows, PresetModel sizes)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        long block = ((Mixing == BlockMixing.Glu ? 4L : 2L) * sizes.Hidden) + 2;
        return checked(rows * (sizes.Hidden + (sizes.Depth * block)) * sizeof(float));
    }

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Sequential([
            new Linear(inputs, sizes.Hidden),
            .. Enumerable
                .Range(0, sizes.Depth)
                .Select(_ => new SequenceBlock(
                    Core(sizes),
                    new SequenceBlockOptions
                    {
                        Dropout = sizes.Dropout,
                        SharedDropout = sizes.SharedDropout,
                        Mixing = Mixing,
                    }
                )),
        ]);

    private protected override Layer Pool(int width) => new Mean(width);
}
