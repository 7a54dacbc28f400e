namespace Sequor.Reference;

/// <summary>Layer normalisation over the last dimension (Ba, Kiros, Hinton 2016), with the biased variance.</summary>
public static class LayerNorm
{
    /// <summary>y = (x - mean) / sqrt(variance + eps) * weight + bias, for each row.</summary>
    /// <param name="x">[rows, channels]</param>
    /// <param name="weight">[channels]</param>
    /// <param name="bias">[channels]</param>
    /// <param name="rows">Rows of x: T * B for a whole sequence.</param>
    /// <param name="channels">Size of the last dimension.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <returns>[rows, channels]</returns>
    public static double[] Forward(
        double[] x,
        double[] weight,
        double[] bias,
        int rows,
        int channels,
        double eps = 1e-5
    )
    {
        Require.Length(x, rows * channels);
        Require.Length(weight, channels);
        Require.Length(bias, channels);
        var y = new double[x.Length];
        for (var r = 0; r < rows; r++)
        {
            double mean = 0;
            for (var c = 0; c < channels; c++)
            {
                mean += x[r * channels + c] / channels;
            }
            double variance = 0;
            for (var c = 0; c < channels; c++)
            {
                var difference = x[r * channels + c] - mean;
                variance += difference * difference / channels;
            }
            for (var c = 0; c < channels; c++)
            {
                var normal = (x[r * channels + c] - mean) / Math.Sqrt(variance + eps);
                y[r * channels + c] = normal * weight[c] + bias[c];
            }
        }
        return y;
    }
}
