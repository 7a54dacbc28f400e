namespace Sequor.Reference;

/// <summary>Batch normalisation (Ioffe and Szegedy 2015) over all rows, as in training and as in evaluation.</summary>
public static class BatchNorm
{
    /// <summary>
    /// y = (x - mean) / sqrt(variance + eps) * weight + bias, with the mean and biased variance of each channel over all rows.
    /// </summary>
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
        var (mean, variance) = Moments(x, rows, channels);
        return Evaluate(x, weight, bias, mean, variance, rows, channels, eps);
    }

    /// <summary>The same with a mean and a variance that are given.</summary>
    public static double[] Evaluate(
        double[] x,
        double[] weight,
        double[] bias,
        double[] mean,
        double[] variance,
        int rows,
        int channels,
        double eps = 1e-5
    )
    {
        Require.Length(x, rows * channels);
        Require.Length(weight, channels);
        Require.Length(bias, channels);
        Require.Length(mean, channels);
        Require.Length(variance, channels);
        var y = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var c = i % channels;
            y[i] = (x[i] - mean[c]) / Math.Sqrt(variance[c] + eps) * weight[c] + bias[c];
        }
        return y;
    }

    /// <summary>Mean and biased variance of each channel.</summary>
    public static (double[] Mean, double[] Variance) Moments(double[] x, int rows, int channels)
    {
        Require.Length(x, rows * channels);
        var mean = new double[channels];
        var variance = new double[channels];
        for (var i = 0; i < x.Length; i++)
        {
            mean[i % channels] += x[i] / rows;
        }
        for (var i = 0; i < x.Length; i++)
        {
            var difference = x[i] - mean[i % channels];
            variance[i % channels] += difference * difference / rows;
        }
        return (mean, variance);
    }
}
