using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Simplified state space layers of Smith, Warrington and Linderman (2023) in blocks with batch norm, whose outputs' mean answers for a
/// sequence.
/// </summary>
internal sealed class S5Architecture : Architecture
{
    public override string Name => "s5";

    public override int Order => 20;

    public override bool IsCompared => false;

    public override string Title => "S5";

    public override string DepthName => "block";

    public override int DefaultDepth => 4;

    public override IReadOnlyList<string> Forms { get; } = ["zoh", "bilinear"];

    public override ModelDetails Details =>
        ModelDetails.States
        | ModelDetails.Blocks
        | ModelDetails.SharedDropout
        | ModelDetails.Bidirectional;

    public override SizeKnob Knob { get; } = SizeKnob.States();

    private protected override bool DropsWithin => true;

    public override PresetModel Sized(int width, int depth) =>
        base.Sized(width, depth) with
        {
            States = width,
            Blocks = 1,
        };

    // The encoder's output; a block's complex states of each direction, mixed output, gate and output.
    public override long KeptBytes(long rows, PresetModel sizes)
    {
        long states = (sizes.Bidirectional ? 4L : 2L) * sizes.States;
        long block = states + (3L * sizes.Hidden);
        return checked(rows * (sizes.Hidden + (sizes.Depth * block)) * sizeof(float));
    }

    public override ParameterGroup Recurrence(float rateFactor) => S5.Recurrence(rateFactor);

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new S5(
            inputs,
            sizes.Hidden,
            sizes.States,
            sizes.Depth,
            new S5Options
            {
                Discretization =
                    sizes.Form == "bilinear"
                        ? Discretization.Bilinear
                        : Discretization.ZeroOrderHold,
                Blocks = Math.Max(sizes.Blocks, 1),
                Dropout = sizes.Dropout,
                SharedDropout = sizes.SharedDropout,
                Bidirectional = sizes.Bidirectional,
            }
        );

    private protected override Layer Pool(int width) => new Mean(width);
}
