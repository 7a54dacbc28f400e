namespace Sequor.Reference;

/// <summary>The temporal convolutional network of Bai, Kolter, Koltun 2018, section 3.</summary>
public static class Tcn
{
    /// <summary>All levels, with dilation 2^level.</summary>
    /// <param name="levels">Parameters, first level first.</param>
    /// <param name="x">[T, B, C]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="masks">Two spatial dropout masks a level, each [B, outputs of the level]; null to drop nothing</param>
    /// <returns>[T, B, outputs of the last level]</returns>
    public static double[] Forward(
        IReadOnlyList<TcnLevel> levels,
        double[] x,
        int time,
        int batch,
        IReadOnlyList<double[]>? masks = null
    )
    {
        var y = x;
        for (var level = 0; level < levels.Count; level++)
        {
            y = Block(
                levels[level],
                y,
                time,
                batch,
                1 << level,
                masks?[2 * level],
                masks?[2 * level + 1]
            );
        }
        return y;
    }

    /// <summary>
    /// One block: (weight-normed convolution, ReLU, spatial dropout) twice, plus the skip, ReLU. Gated, convolutions have twice the
    /// outputs, and out1 * sigmoid(out2) is in the place of their ReLU.
    /// </summary>
    /// <param name="level">Parameters.</param>
    /// <param name="x">[T, B, inputs]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="dilation">Of both convolutions.</param>
    /// <param name="mask1">[B, outputs], after the first ReLU; null to drop nothing</param>
    /// <param name="mask2">[B, outputs], after the second ReLU; null to drop nothing</param>
    /// <param name="gated">V1 and V2 are [2 Outputs, ..], and so are gains and biases.</param>
    /// <returns>[T, B, outputs]</returns>
    public static double[] Block(
        TcnLevel level,
        double[] x,
        int time,
        int batch,
        int dilation,
        double[]? mask1 = null,
        double[]? mask2 = null,
        bool gated = false
    )
    {
        var (inputs, outputs) = (level.Inputs, level.Outputs);
        double[] Half(
            double[] input,
            int width,
            double[] v,
            double[] g,
            double[] bias,
            double[]? mask
        )
        {
            var channels = gated ? 2 * outputs : outputs;
            var w = WeightNorm.Forward(v, g, channels);
            var y = CausalConv.Forward(
                input,
                w,
                bias,
                time,
                batch,
                width,
                channels,
                level.Kernel,
                dilation
            );
            var passed = gated ? Gated(y) : Array.ConvertAll(y, Activation.Relu);
            return Dropout.Spatial(passed, mask, time, batch, outputs);
        }

        double[] Gated(double[] both)
        {
            var passed = new double[both.Length / 2];
            for (var i = 0; i < passed.Length; i++)
            {
                var at = i / outputs * 2 * outputs + i % outputs;
                passed[i] = both[at] * Activation.Sigmoid(both[at + outputs]);
            }
            return passed;
        }

        var h = Half(x, inputs, level.V1, level.G1, level.Bias1, mask1);
        h = Half(h, outputs, level.V2, level.G2, level.Bias2, mask2);
        var skip = level.SkipWeight is null
            ? x
            : Linear.Forward(x, level.SkipWeight, level.SkipBias, time * batch, inputs, outputs);
        Require.Length(skip, h.Length);
        for (var i = 0; i < h.Length; i++)
        {
            h[i] = Activation.Relu(h[i] + skip[i]);
        }
        return h;
    }
}
