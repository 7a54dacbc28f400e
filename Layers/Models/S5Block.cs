namespace Sequor.Layers;

/// <summary>
/// One block of an S5, [T, B, d] to [T, B, d]: a state space model of d inputs and d outputs, with N complex states, each of which stands
/// for a conjugate pair. With z = norm(x) and Lambda = Lambda_re + i Lambda_im, dt = exp(log_step) of each state, the states are h_t =
/// lambda h_{t-1} + f (B z_t), lambda and f being those of <see cref="S5Options.Discretization"/>; then y = gelu(2 Re(C h) + D z), and the
/// output is x + y sigmoid(out(y)), or with another <see cref="S5Options.Mixing"/>, with dropout after the GELU and after the mixing. In
/// both directions, the same recurrence also runs from each sequence's end, and C [d, 2N] reads both: forward | reverse. Source: Smith,
/// Warrington and Linderman (2023), Simplified State Space Layers for Sequence Modeling, sections 3 and 4; what the paper leaves open is as
/// in its code.
/// </summary>
/// <remarks>
/// N is half of the paper's P, whose states are kept without their conjugates. Lambda begins as the eigenvalues, of negative imaginary part,
/// of the normal part of HiPPO-LegS. The paper's code turns random matrices into the basis of its eigenvectors V: B = V* B0 and C = C0 V,
/// with deviations 1 / sqrt(P) of B0 and of each part of C0. V has orthonormal columns, which are orthogonal to each other's conjugates as
/// well: so for a normal B0 the values of B are independent and normal, of deviation 1 / sqrt(2 P) a part, and those of C keep theirs. They
/// are drawn as such. (The code's B0 and C0 are normal but cut off at two deviations, of which the sums over P values know little.)
/// </remarks>
public sealed class S5Block : DiagonalBlock
{
    /// <summary>Makes a block with the usual options.</summary>
    /// <param name="modelSize">d, the number of input and output channels, at least 1.</param>
    /// <param name="stateSize">N, the number of complex states, at least 1: half of the paper's P.</param>
    /// <exception cref="ArgumentException">
    /// A size is out of range, or the parameters have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public S5Block(int modelSize, int stateSize)
        : this(modelSize, stateSize, new S5Options()) { }

    /// <summary>Makes a block with options.</summary>
    /// <param name="modelSize">d, the number of input and output channels, at least 1.</param>
    /// <param name="stateSize">N, the number of complex states, at least 1: half of the paper's P.</param>
    /// <param name="options">Sampling, HiPPO blocks, time steps, norm, directions, dropout and mixing.</param>
    /// <exception cref="ArgumentException">
    /// A size or an option is out of range, the HiPPO blocks do not divide the states, or the parameters have more than
    /// <see cref="Layer.MostValues"/> values.
    /// </exception>
    public S5Block(int modelSize, int stateSize, S5Options options)
        : base(
            modelSize,
            stateSize,
            Settings(stateSize, options),
            sizes => Recurrence(sizes, options)
        ) => Options = options;

    /// <summary>Sampling, HiPPO blocks, time steps, norm, directions, dropout and mixing.</summary>
    public S5Options Options { get; }

    private static BlockSettings Settings(int states, S5Options options)
    {
        ArgumentNullException.ThrowIfNull(options);
        S5Options.Validate(options, states);
        return new BlockSettings("S5")
        {
            Norm = options.Norm,
            Prenorm = options.Prenorm,
            Momentum = options.Momentum,
            Bidirectional = options.Bidirectional,
            Dropout = options.Dropout,
            SharedDropout = options.SharedDropout,
            Mixing = options.Mixing,
        };
    }

    private static DiagonalParameters Recurrence(DiagonalSizes sizes, S5Options options)
    {
        var states = new Shape(sizes.States);
        int block = sizes.States / options.Blocks;
        double least = Math.Log(options.MinStep);
        double range = Math.Log(options.MaxStep) - least;
        return Matrices(
            options.Discretization == Discretization.Bilinear
                ? DiagonalForm.Bilinear
                : DiagonalForm.ZeroOrderHold,
            sizes,
            (
                new Parameter("Lambda_re", states, Parameter.Constant(-0.5f)),
                new Parameter(
                    "Lambda_im",
                    states,
                    (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> _) =>
                    {
                        double[] frequencies = HippoSpectrum.Frequencies(block);
                        // The largest first, as eigenvalues come in ascending order.
                        for (int i = 0; i < values.Length; i++)
                            values[i] = (float)-frequencies[block - 1 - i % block];
                    }
                ),
                new Parameter(
                    "log_step",
                    states,
                    Drawn((ref Philox random) => least + range * Draw(ref random))
                )
            ),
            1 / Math.Sqrt(4.0 * sizes.States),
            1 / Math.Sqrt(2.0 * sizes.States)
        );
    }
}
