using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Linear recurrent units of Orvieto et al. (2023) in blocks, whose outputs' mean answers for a sequence.</summary>
internal sealed class LruArchitecture : Architecture
{
    public override string Name => "lru";

    public override int Order => 5;

    public override string Title => "LRU";

    public override string DepthName => "block";

    public override int DefaultDepth => 4;

    public override ModelDetails Details =>
        ModelDetails.States
        | ModelDetails.Ring
        | ModelDetails.SharedDropout
        | ModelDetails.Bidirectional;

    public override SizeKnob Knob { get; } = SizeKnob.States();

    public override Rung OnLadder { get; } = new(8, "normalised by gamma: the LRU");

    private protected override bool DropsWithin => true;

    public override PresetModel Sized(int width, int depth) =>
        base.Sized(width, depth) with
        {
            States = width,
        };

    // The encoder's output; a block's complex states of each direction, mixed output, two gates, output and two statistics.
    public override long KeptBytes(long rows, PresetModel sizes)
    {
        long states = (sizes.Bidirectional ? 4L : 2L) * sizes.States;
        long block = states + (4L * sizes.Hidden) + 2;
        return checked(rows * (sizes.Hidden + (sizes.Depth * block)) * sizeof(float));
    }

    public override ParameterGroup Recurrence(float rateFactor) => Lru.Recurrence(rateFactor);

    private protected override Layer Body(int inputs, PresetModel sizes)
    {
        var usual = new LruRing();
        return new Lru(
            inputs,
            sizes.Hidden,
            sizes.States,
            sizes.Depth,
            new LruOptions
            {
                Dropout = sizes.Dropout,
                SharedDropout = sizes.SharedDropout,
                Bidirectional = sizes.Bidirectional,
                Ring = usual with
                {
                    MinRadius = sizes.MinRadius ?? usual.MinRadius,
                    MaxRadius = sizes.MaxRadius ?? usual.MaxRadius,
                },
            }
        );
    }

    private protected override Layer Pool(int width) => new Mean(width);
}
