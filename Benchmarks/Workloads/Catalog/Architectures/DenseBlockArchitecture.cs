using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The first rungs of Orvieto et al. (2023), table 1: the LRU's network, whose blocks have a dense recurrence in the place of the diagonal
/// one, h = sigma(A h + B u), y = C h + D u. A and B begin normal with deviations of 1/sqrt(N) and 1/sqrt(d), which is Glorot's for A; the
/// linear rung's A is scaled to within the unit circle.
/// </summary>
public abstract class DenseBlockArchitecture : Architecture
{
    private protected DenseBlockArchitecture() { }

    /// <inheritdoc/>
    public override bool IsCompared => false;

    /// <inheritdoc/>
    public override string DepthName => "block";

    /// <inheritdoc/>
    public override int DefaultDepth => 4;

    /// <inheritdoc/>
    public override ModelDetails Details => ModelDetails.States | ModelDetails.SharedDropout;

    /// <inheritdoc/>
    public override SizeKnob Knob { get; } = SizeKnob.States();

    private protected override bool DropsWithin => true;

    /// <summary>Sigma.</summary>
    private protected abstract RnnActivation Activation { get; }

    /// <summary>How A and B begin.</summary>
    private protected virtual RecurrentInitialization Initialization =>
        RecurrentInitialization.Normal;

    /// <inheritdoc/>
    public override PresetModel Sized(int width, int depth) =>
        base.Sized(width, depth) with
        {
            States = width,
        };

    // The encoder's output; a block's states, mixed output, two gates, output and two statistics.
    /// <inheritdoc/>
    public override long KeptBytes(long rows, PresetModel sizes)
    {
        long block = sizes.States + (4L * sizes.Hidden) + 2;
        return checked(rows * (sizes.Hidden + (sizes.Depth * block)) * sizeof(float));
    }

    /// <summary>A and B of all blocks, without weight decay, as the LRU has them.</summary>
    public override ParameterGroup Recurrence(float rateFactor) =>
        new(
            named => named.Parameter.Name is "weight_ih_l0" or "weight_hh_l0",
            rateFactor,
            decays: false
        );

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Sequential([
            new Linear(inputs, sizes.Hidden),
            .. Enumerable
                .Range(0, sizes.Depth)
                .Select(_ => new SequenceBlock(
                    Core(sizes.Hidden, sizes.States),
                    new SequenceBlockOptions
                    {
                        Dropout = sizes.Dropout,
                        SharedDropout = sizes.SharedDropout,
                    }
                )),
        ]);

    private protected override Layer Pool(int width) => new Mean(width);

    private FeedThrough Core(int width, int states) =>
        new(
            new Sequential(
                new Rnn(
                    width,
                    states,
                    new RecurrentOptions
                    {
                        Bias = RecurrentBias.NoBias,
                        Initialization = Initialization,
                    },
                    Activation
                ),
                new Linear(states, width, bias: false)
            )
        );
}
