namespace Sequor.VirtualGpu;

/// <summary>
/// Convolution and its two gradients: the same walk over all pairs of a pixel and a tap. x is [N, H, W, C],
/// w is [K, R, S, C], y is [N, P, Q, K].
/// </summary>
internal static class Convolution
{
    /// <summary>y</summary>
    public static double[] Forward(ConvolutionShape shape, double[] x, double[] w)
    {
        double[] y = new double[shape.YCount];
        foreach ((int atX, int atW, int atY) in shape.Meetings())
        {
            for (int k = 0; k < shape.Outputs; k++)
                y[atY + k] += DoubleRows.Dot(
                    x.AsSpan(atX, shape.Inputs),
                    w.AsSpan(k * shape.WRow + atW, shape.Inputs)
                );
        }
        return y;
    }

    /// <summary>Gradient by x.</summary>
    public static double[] Data(ConvolutionShape shape, double[] w, double[] dy)
    {
        double[] dx = new double[shape.XCount];
        foreach ((int atX, int atW, int atY) in shape.Meetings())
        {
            for (int k = 0; k < shape.Outputs; k++)
                DoubleRows.Add(
                    dy[atY + k],
                    w.AsSpan(k * shape.WRow + atW, shape.Inputs),
                    dx.AsSpan(atX, shape.Inputs)
                );
        }
        return dx;
    }

    /// <summary>Gradient by w.</summary>
    public static double[] Filter(ConvolutionShape shape, double[] x, double[] dy)
    {
        double[] dw = new double[shape.WCount];
        foreach ((int atX, int atW, int atY) in shape.Meetings())
        {
            for (int k = 0; k < shape.Outputs; k++)
                DoubleRows.Add(
                    dy[atY + k],
                    x.AsSpan(atX, shape.Inputs),
                    dw.AsSpan(k * shape.WRow + atW, shape.Inputs)
                );
        }
        return dw;
    }
}
