namespace Sequor.VirtualGpu;

/// <summary>A convolution over two spatial dimensions, all of one group.</summary>
/// <param name="Batch">N</param>
/// <param name="Inputs">C, channels of x</param>
/// <param name="Height">H of x</param>
/// <param name="Width">W of x</param>
/// <param name="Outputs">K, channels of y</param>
/// <param name="FilterHeight">R</param>
/// <param name="FilterWidth">S</param>
/// <param name="OutputHeight">P, height of y</param>
/// <param name="OutputWidth">Q, width of y</param>
/// <param name="Padding">rows and columns before the first</param>
/// <param name="Stride">between two outputs</param>
/// <param name="Dilation">between two taps</param>
/// <param name="Turned">whether the filter is turned round</param>
internal sealed record ConvolutionShape(
    int Batch,
    int Inputs,
    int Height,
    int Width,
    int Outputs,
    int FilterHeight,
    int FilterWidth,
    int OutputHeight,
    int OutputWidth,
    (int Height, int Width) Padding,
    (int Height, int Width) Stride,
    (int Height, int Width) Dilation,
    bool Turned
)
{
    public int XCount => Batch * Height * Width * Inputs;
    public int WCount => Outputs * FilterHeight * FilterWidth * Inputs;
    public int YCount => Batch * OutputHeight * OutputWidth * Outputs;

    /// <summary>
    /// Every place at which an output's tap meets an input that is there: offsets of the pixel in x [N, H, W, C], of
    /// the tap in w [K, R, S, C] for k = 0, and of the pixel in y [N, P, Q, K].
    /// </summary>
    public IEnumerable<(int X, int W, int Y)> Meetings()
    {
        for (int n = 0; n < Batch; n++)
        for (int p = 0; p < OutputHeight; p++)
        for (int q = 0; q < OutputWidth; q++)
        for (int r = 0; r < FilterHeight; r++)
        for (int s = 0; s < FilterWidth; s++)
        {
            int h = p * Stride.Height - Padding.Height + r * Dilation.Height;
            int w = q * Stride.Width - Padding.Width + s * Dilation.Width;
            if (h < 0 || h >= Height || w < 0 || w >= Width)
                continue;
            int tap = Turned
                ? (FilterHeight - 1 - r) * FilterWidth + FilterWidth - 1 - s
                : r * FilterWidth + s;
            yield return (
                ((n * Height + h) * Width + w) * Inputs,
                tap * Inputs,
                ((n * OutputHeight + p) * OutputWidth + q) * Outputs
            );
        }
    }

    /// <summary>How many <see cref="Meetings"/> there are.</summary>
    public long MeetingCount =>
        Batch
        * Meet(Height, OutputHeight, FilterHeight, Padding.Height, Stride.Height, Dilation.Height)
        * Meet(Width, OutputWidth, FilterWidth, Padding.Width, Stride.Width, Dilation.Width);

    // Pairs of an output and a tap along one dimension.
    private static long Meet(
        int size,
        int outputs,
        int taps,
        int padding,
        int stride,
        int dilation
    ) =>
        Enumerable
            .Range(0, taps)
            .Sum(tap =>
                (long)
                    Enumerable
                        .Range(0, outputs)
                        .Count(o => (uint)(o * stride - padding + tap * dilation) < (uint)size)
            );

    /// <summary>Elements of w from one k to the next.</summary>
    public int WRow => FilterHeight * FilterWidth * Inputs;
}
