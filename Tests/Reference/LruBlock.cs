using System.Numerics;

namespace Sequor.Reference;

/// <summary>The residual block of Orvieto et al. 2023: norm, LRU, GELU, gated linear unit, skip; or the norm at the end.</summary>
public static class LruBlock
{
    /// <summary>
    /// g = mask1 * gelu(LRU(norm(x))); the result is x + mask2 * out1(g) * sigmoid(out2(g)). Or without that norm, and the
    /// result's norm.
    /// </summary>
    /// <param name="p">Parameters.</param>
    /// <param name="x">[T, B, d]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="mask1">[T, B, d], dropout after the GELU; null to drop nothing</param>
    /// <param name="mask2">[T, B, d], dropout after the gated linear unit; null to drop nothing</param>
    /// <param name="batchNorm">Batch norm as in training instead of layer norm.</param>
    /// <param name="postnorm">The norm stands at the end.</param>
    /// <param name="state">As for <see cref="Lru.Forward"/>.</param>
    /// <returns>[T, B, d]</returns>
    public static double[] Forward(
        LruBlockParameters p,
        double[] x,
        int time,
        int batch,
        double[]? mask1 = null,
        double[]? mask2 = null,
        bool batchNorm = false,
        bool postnorm = false,
        Complex[]? state = null
    )
    {
        var channels = p.Unit.Channels;
        var rows = time * batch;
        double[] Norm(double[] values) =>
            batchNorm
                ? BatchNorm.Forward(values, p.NormWeight, p.NormBias, rows, channels)
                : LayerNorm.Forward(values, p.NormWeight, p.NormBias, rows, channels);
        var z = postnorm ? x : Norm(x);
        var y = Lru.Forward(p.Unit, z, time, batch, state);
        var g = Dropout.Forward(Array.ConvertAll(y, Activation.Gelu), mask1);
        var gated = Dropout.Forward(Glu(g, p.OutWeight, p.OutBias, rows, channels), mask2);
        var result = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            result[i] = x[i] + gated[i];
        }
        return postnorm ? Norm(result) : result;
    }

    /// <summary>The gated linear unit (Dauphin et al. 2017): out1(x) * sigmoid(out2(x)).</summary>
    /// <param name="x">[rows, d]</param>
    /// <param name="weight">[2d, d]: the rows of out1, then those of out2</param>
    /// <param name="bias">[2d], likewise</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="channels">d</param>
    /// <returns>[rows, d]</returns>
    public static double[] Glu(double[] x, double[] weight, double[] bias, int rows, int channels)
    {
        var both = Linear.Forward(x, weight, bias, rows, channels, 2 * channels);
        var y = new double[rows * channels];
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < channels; c++)
            {
                var value = both[r * 2 * channels + c];
                var gate = both[r * 2 * channels + channels + c];
                y[r * channels + c] = value * Activation.Sigmoid(gate);
            }
        }
        return y;
    }
}
