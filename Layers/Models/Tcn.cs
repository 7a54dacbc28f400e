namespace Sequor.Layers;

/// <summary>
/// The temporal convolutional network of Bai, Kolter and Koltun (2018): blocks of two causal convolutions, whose dilation doubles from
/// level to level.
/// </summary>
/// <example>
/// <code>
/// using var tcn = new Tcn(inputSize: 2, widths: [24, 24, 24], kernel: 8, dropout: 0.1f);
/// long steps = tcn.ReceptiveField; // 99 steps back: 1 + 2 * 7 * (1 + 2 + 4)
/// using var model = new Sequential(tcn, new Last(24), new Linear(24, 1));
/// </code>
/// </example>
public sealed class Tcn : Sequential
{
    /// <summary>Makes a TCN.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="widths">The number of channels of each level, for 1 to 30 levels.</param>
    /// <param name="kernel">k, the number of taps of each convolution, at least 1.</param>
    /// <param name="dropout">The probability of the spatial dropout after each convolution: at least 0, below 1.</param>
    /// <param name="activation">What follows each convolution: ReLU, or gates in its place.</param>
    /// <exception cref="ArgumentException">
    /// A size or the probability is out of range, the parameters have more than <see cref="Layer.MostValues"/> values, or the taps of a
    /// level look back 2^31 - 1 steps or more.
    /// </exception>
    public Tcn(
        int inputSize,
        IReadOnlyList<int> widths,
        int kernel,
        float dropout = 0f,
        TcnActivation activation = TcnActivation.Relu
    )
        : base(Blocks(inputSize, widths, kernel, dropout, activation))
    {
        Kernel = kernel;
        Levels = widths.Count;
    }

    /// <summary>k, the number of taps of each convolution.</summary>
    public int Kernel { get; }

    /// <summary>The number of levels, each of which is a block.</summary>
    public int Levels { get; }

    /// <summary>How many steps of input an output can depend on, including its own: 1 + 2 (k - 1) (2^levels - 1).</summary>
    public long ReceptiveField => 1 + 2L * (Kernel - 1) * ((1L << Levels) - 1);

    private static TcnBlock[] Blocks(
        int inputSize,
        IReadOnlyList<int> widths,
        int kernel,
        float dropout,
        TcnActivation activation
    )
    {
        ArgumentNullException.ThrowIfNull(widths);
        if (widths.Count is < 1 or > 30)
            throw new ArgumentException(
                $"A TCN has 1 to 30 levels, not {widths.Count}.",
                nameof(widths)
            );
        var blocks = new TcnBlock[widths.Count];
        for (int level = 0; level < blocks.Length; level++)
        {
            int inputs = level == 0 ? inputSize : widths[level - 1];
            blocks[level] = new TcnBlock(
                inputs,
                widths[level],
                kernel,
                1 << level,
                dropout,
                activation
            );
        }
        return blocks;
    }
}
