namespace Sequor.Reference;

/// <summary>Dropout with the mask given: its elements are 0 or 1 / (1 - p).</summary>
public static class Dropout
{
    /// <summary>y = x * mask, element by element.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="mask">The shape of x, or null to drop nothing.</param>
    public static double[] Forward(double[] x, double[]? mask)
    {
        Require.LengthIfGiven(mask, x.Length);
        var y = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            y[i] = mask is null ? x[i] : x[i] * mask[i];
        }
        return y;
    }

    /// <summary>Spatial dropout: one mask element for a channel's whole sequence.</summary>
    /// <param name="x">[T, B, C]</param>
    /// <param name="mask">[B, C], or null to drop nothing</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="channels">C</param>
    /// <returns>[T, B, C]</returns>
    public static double[] Spatial(double[] x, double[]? mask, int time, int batch, int channels)
    {
        Require.Length(x, time * batch * channels);
        Require.LengthIfGiven(mask, batch * channels);
        var y = new double[x.Length];
        for (var t = 0; t < time; t++)
        {
            for (var i = 0; i < batch * channels; i++)
            {
                var at = t * batch * channels + i;
                y[at] = mask is null ? x[at] : x[at] * mask[i];
            }
        }
        return y;
    }
}
