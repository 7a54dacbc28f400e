namespace Sequor.Reference;

/// <summary>Weight normalisation (Salimans and Kingma 2016).</summary>
public static class WeightNorm
{
    /// <summary>w[o] = g[o] v[o] / |v[o]|, with the Euclidean norm over all but the first dimension.</summary>
    /// <param name="v">[outputs, ...]</param>
    /// <param name="g">[outputs]</param>
    /// <param name="outputs">Size of the first dimension.</param>
    /// <returns>w, the shape of v</returns>
    public static double[] Forward(double[] v, double[] g, int outputs)
    {
        Require.Length(g, outputs);
        var row = v.Length / outputs;
        Require.Length(v, outputs * row);
        var w = new double[v.Length];
        for (var o = 0; o < outputs; o++)
        {
            double squares = 0;
            for (var i = 0; i < row; i++)
            {
                squares += v[o * row + i] * v[o * row + i];
            }
            for (var i = 0; i < row; i++)
            {
                w[o * row + i] = g[o] * v[o * row + i] / Math.Sqrt(squares);
            }
        }
        return w;
    }
}
