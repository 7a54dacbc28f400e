namespace Sequor.Layers;

/// <summary>
/// One block of an LRU, [T, B, d] to [T, B, d]. With z = norm(x), the states are h_t = lambda h_{t-1} + exp(gamma_log) B z_t, complex and
/// diagonal, lambda = exp(-exp(nu_log) + i exp(theta_log)), or what <see cref="LruOptions.Rung"/> says; then y = gelu(Re(C h) + D z), and the
/// output is x + out1(y) sigmoid(out2(y)), with dropout after the GELU and after the gate. Without <see cref="LruOptions.Prenorm"/>, z = x
/// and the output is norm(x + out1(y) sigmoid(out2(y))). In both directions, the same recurrence also runs from each sequence's end, and C
/// [d, 2N] reads both: forward | reverse. Source: Orvieto et al. (2023), section 3; the GELU is the tanh form, as in minimal-LRU, an
/// unofficial implementation of the paper.
/// </summary>
public sealed class LruBlock : DiagonalBlock
{
    private const double LargestDraw = (uint.MaxValue + 0.5) / 4294967296.0;

    /// <summary>Makes a block.</summary>
    /// <param name="modelSize">d, the number of input and output channels, at least 1.</param>
    /// <param name="stateSize">N, the number of complex states, at least 1.</param>
    /// <param name="dropout">The probability of dropout: at least 0, below 1.</param>
    /// <param name="ring">The ring in which the eigenvalues begin; null for the default one.</param>
    /// <exception cref="ArgumentException">
    /// A size, the probability or the ring is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public LruBlock(int modelSize, int stateSize, float dropout = 0f, LruRing? ring = null)
        : this(
            modelSize,
            stateSize,
            new LruOptions { Dropout = dropout, Ring = ring ?? new LruRing() }
        ) { }

    /// <summary>Makes a block with options.</summary>
    /// <param name="modelSize">d, the number of input and output channels, at least 1.</param>
    /// <param name="stateSize">N, the number of complex states, at least 1.</param>
    /// <param name="options">Norm, directions, dropout, ring and rung.</param>
    /// <exception cref="ArgumentException">
    /// A size or an option is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public LruBlock(int modelSize, int stateSize, LruOptions options)
        : base(modelSize, stateSize, Settings(options), sizes => Recurrence(sizes, options)) =>
        Options = options;

    /// <summary>Norm, directions, dropout, ring and rung.</summary>
    public LruOptions Options { get; }

    private static BlockSettings Settings(LruOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Ring.Validate();
        return new BlockSettings("LRU")
        {
            Norm = options.Norm,
            Prenorm = options.Prenorm,
            Momentum = options.Momentum,
            Bidirectional = options.Bidirectional,
            Dropout = options.Dropout,
            SharedDropout = options.SharedDropout,
            Mixing = BlockMixing.Glu,
        };
    }

    private static DiagonalParameters Recurrence(DiagonalSizes sizes, LruOptions options)
    {
        var states = new Shape(sizes.States);
        (DiagonalForm form, Parameter decay, Parameter frequency, Parameter? scale) =
            options.Rung switch
            {
                LruRung.Lru => OfUnit(states, options.Ring),
                LruRung.Diagonal => OfDisk(states),
                LruRung.Polar => OfCircles(states, LruRing.Disk),
                LruRung.Stable => Stable(states, LruRing.Disk),
                LruRung.Ring => Stable(states, options.Ring),
                _ => throw new ArgumentOutOfRangeException(
                    nameof(options),
                    options.Rung,
                    "The rung must be Lru, Diagonal, Polar, Stable or Ring."
                ),
            };
        return Matrices(
            form,
            sizes,
            (decay, frequency, scale),
            1 / Math.Sqrt(2.0 * sizes.Channels),
            1 / Math.Sqrt(sizes.States)
        );
    }

    private static (DiagonalForm, Parameter, Parameter, Parameter?) OfUnit(
        Shape states,
        LruRing ring
    )
    {
        Parameter nu = LogarithmOfRate(states, ring);
        return (
            DiagonalForm.LogPolar,
            nu,
            new(
                "theta_log",
                states,
                Drawn((ref Philox random) => Math.Log(ring.MaxPhase * Draw(ref random)))
            ),
            new(
                "gamma_log",
                states,
                (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> drawn) =>
                {
                    for (int i = 0; i < values.Length; i++)
                        values[i] = (float)(
                            0.5 * Math.Log(1 - Math.Exp(-2 * Math.Exp(drawn[nu][i])))
                        );
                }
            )
        );
    }

    private static (DiagonalForm, Parameter, Parameter, Parameter?) OfCircles(
        Shape states,
        LruRing ring
    ) =>
        (
            DiagonalForm.Polar,
            new Parameter("nu", states, Drawn((ref Philox random) => RateIn(ring, ref random))),
            Phase("theta", states, ring),
            null
        );

    private static (DiagonalForm, Parameter, Parameter, Parameter?) Stable(
        Shape states,
        LruRing ring
    ) => (DiagonalForm.Stable, LogarithmOfRate(states, ring), Phase("theta", states, ring), null);

    // Uniform on the unit disk: the real part is that of a point, and given it, the imaginary part is anywhere on the chord through it.
    private static (DiagonalForm, Parameter, Parameter, Parameter?) OfDisk(Shape states)
    {
        Parameter real = new(
            "Lambda_re",
            states,
            Drawn(
                (ref Philox random) =>
                    Math.Sqrt(Draw(ref random)) * Math.Cos(2 * Math.PI * Draw(ref random))
            )
        );
        Parameter imaginary = new(
            "Lambda_im",
            states,
            (
                ref Philox random,
                Span<float> values,
                IReadOnlyDictionary<Parameter, float[]> drawn
            ) =>
            {
                for (int i = 0; i < values.Length; i++)
                {
                    double re = drawn[real][i];
                    values[i] = (float)(Math.Sqrt(1 - re * re) * (2 * Draw(ref random) - 1));
                }
            }
        );
        return (DiagonalForm.Cartesian, real, imaginary, null);
    }

    private static Parameter LogarithmOfRate(Shape states, LruRing ring) =>
        new("nu_log", states, Drawn((ref Philox random) => Math.Log(RateIn(ring, ref random))));

    private static Parameter Phase(string name, Shape states, LruRing ring) =>
        new(name, states, Drawn((ref Philox random) => ring.MaxPhase * Draw(ref random)));

    // -log of a radius that is uniform in area.
    private static double RateIn(LruRing ring, ref Philox random)
    {
        double min = ring.MinRadius * ring.MinRadius;
        double max = ring.MaxRadius * ring.MaxRadius;
        // On a narrow ring up to 1, a draw could be rounded to 1, whose logarithm is 0.
        double square = Math.Min(Draw(ref random) * (max - min) + min, LargestDraw);
        return -0.5 * Math.Log(square);
    }
}
