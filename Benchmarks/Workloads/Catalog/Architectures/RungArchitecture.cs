using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The rungs from a diagonal linear recurrence to the linear recurrent unit of Orvieto et al. (2023), in the same blocks, whose outputs'
/// mean answers for a sequence.
/// </summary>
internal abstract class RungArchitecture : Architecture
{
    public override string DepthName => "block";

    public override int DefaultDepth => 4;

    public override ModelDetails Details =>
        ModelDetails.States
        | (Rung is LruRung.Lru or LruRung.Ring ? ModelDetails.Ring : ModelDetails.None)
        | ModelDetails.SharedDropout
        | ModelDetails.Bidirectional;

    public override SizeKnob Knob { get; } = SizeKnob.States();

    private protected abstract LruRung Rung { get; }

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
                Rung = Rung,
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
