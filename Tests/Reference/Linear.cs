namespace Sequor.Reference;

/// <summary>Affine map of every row.</summary>
public static class Linear
{
    /// <summary>y = x W^T + b.</summary>
    /// <param name="x">[rows, inputs]</param>
    /// <param name="weight">[outputs, inputs]</param>
    /// <param name="bias">[outputs], or null for none</param>
    /// <param name="rows">Rows of x: T * B for a whole sequence.</param>
    /// <param name="inputs">Columns of x.</param>
    /// <param name="outputs">Columns of the result.</param>
    /// <returns>[rows, outputs]</returns>
    public static double[] Forward(
        double[] x,
        double[] weight,
        double[]? bias,
        int rows,
        int inputs,
        int outputs
    )
    {
        Require.Length(x, rows * inputs);
        Require.Length(weight, outputs * inputs);
        Require.LengthIfGiven(bias, outputs);
        var y = new double[rows * outputs];
        for (var r = 0; r < rows; r++)
        {
            for (var o = 0; o < outputs; o++)
            {
                var sum = bias is null ? 0 : bias[o];
                for (var i = 0; i < inputs; i++)
                {
                    sum += weight[o * inputs + i] * x[r * inputs + i];
                }
                y[r * outputs + o] = sum;
            }
        }
        return y;
    }
}
