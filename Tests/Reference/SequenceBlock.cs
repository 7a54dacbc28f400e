namespace Sequor.Reference;

/// <summary>How a residual block mixes the channels of a step.</summary>
public enum Mixing
{
    /// <summary>out1(h) * sigmoid(out2(h)).</summary>
    Glu,

    /// <summary>h * sigmoid(out(h)).</summary>
    HalfGlu,

    /// <summary>out(h).</summary>
    Linear,

    /// <summary>h.</summary>
    None,
}

/// <summary>A residual block around any core: norm, core, GELU, mixing of the channels, skip; or the norm at the end.</summary>
public static class SequenceBlock
{
    /// <summary>
    /// h = mask1 * gelu(core(norm(x))); the result is x + mask2 * mix(h), where without mixing there is no second mask. Or without that
    /// norm, and the result's norm.
    /// </summary>
    /// <param name="x">[rows, d]</param>
    /// <param name="rows">T * B</param>
    /// <param name="norm">Normalises [rows, d].</param>
    /// <param name="postnorm">The norm stands at the end.</param>
    /// <param name="core">Computes [rows, d] from [rows, d].</param>
    /// <param name="mixing">How the channels are mixed.</param>
    /// <param name="weight">[2d, d] of a GLU, else [d, d]; null without mixing.</param>
    /// <param name="bias">[2d] or [d]; null without mixing.</param>
    /// <param name="mask1">[rows, d], dropout after the GELU; null to drop nothing.</param>
    /// <param name="mask2">[rows, d], dropout after the mixing; null to drop nothing.</param>
    /// <returns>[rows, d]</returns>
    public static double[] Forward(
        double[] x,
        int rows,
        Func<double[], double[]> norm,
        bool postnorm,
        Func<double[], double[]> core,
        Mixing mixing,
        double[]? weight,
        double[]? bias,
        double[]? mask1,
        double[]? mask2
    )
    {
        var d = x.Length / rows;
        var z = core(postnorm ? x : norm(x));
        var h = Dropout.Forward(Array.ConvertAll(z, Activation.Gelu), mask1);
        var mixed = h;
        if (mixing == Mixing.Glu)
        {
            mixed = LruBlock.Glu(h, weight!, bias!, rows, d);
        }
        else if (mixing != Mixing.None)
        {
            mixed = Linear.Forward(h, weight!, bias, rows, d, d);
        }
        var result = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var value = mixing == Mixing.HalfGlu ? h[i] * Activation.Sigmoid(mixed[i]) : mixed[i];
            var kept = mask2 is null || mixing == Mixing.None ? 1 : mask2[i];
            result[i] = x[i] + kept * value;
        }
        return postnorm ? norm(result) : result;
    }
}
