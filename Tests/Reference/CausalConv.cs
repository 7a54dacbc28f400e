namespace Sequor.Reference;

/// <summary>Causal dilated convolution over time (van den Oord et al. 2016).</summary>
public static class CausalConv
{
    /// <summary>y[t] = b + sum over j of W[:, :, k-1-j] x[t - j * dilation], where x is zero before time 0.</summary>
    /// <param name="x">[T, B, inputs]</param>
    /// <param name="weight">[outputs, inputs, k]; the last tap is the current time step</param>
    /// <param name="bias">[outputs], or null for none</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="inputs">Channels of x.</param>
    /// <param name="outputs">Channels of the result.</param>
    /// <param name="kernel">k</param>
    /// <param name="dilation">Time steps between two taps.</param>
    /// <returns>[T, B, outputs]</returns>
    public static double[] Forward(
        double[] x,
        double[] weight,
        double[]? bias,
        int time,
        int batch,
        int inputs,
        int outputs,
        int kernel,
        int dilation
    )
    {
        Require.Length(x, time * batch * inputs);
        Require.Length(weight, outputs * inputs * kernel);
        Require.LengthIfGiven(bias, outputs);
        var y = new double[time * batch * outputs];
        for (var t = 0; t < time; t++)
        {
            for (var b = 0; b < batch; b++)
            {
                for (var o = 0; o < outputs; o++)
                {
                    var sum = bias is null ? 0 : bias[o];
                    for (var j = 0; j < kernel && t - j * dilation >= 0; j++)
                    {
                        for (var i = 0; i < inputs; i++)
                        {
                            var w = weight[(o * inputs + i) * kernel + kernel - 1 - j];
                            sum += w * x[((t - j * dilation) * batch + b) * inputs + i];
                        }
                    }
                    y[(t * batch + b) * outputs + o] = sum;
                }
            }
        }
        return y;
    }
}
