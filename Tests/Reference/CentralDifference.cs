namespace Sequor.Reference;

/// <summary>Gradients from values of the function alone.</summary>
public static class CentralDifference
{
    /// <summary>
    /// (loss(p + s) - loss(p - s)) / 2s for each element, with s = step * max(1, |p|).
    /// The error is about s^2 of the third derivative, and 1e-16 / s of the loss from rounding.
    /// </summary>
    /// <param name="loss">Reads the parameters' current values at every call.</param>
    /// <param name="parameters">Changed during the computation and restored after it.</param>
    /// <param name="step">Near the cube root of the machine's precision, where both errors are small.</param>
    /// <returns>The shape of parameters.</returns>
    public static double[] Gradient(Func<double> loss, double[] parameters, double step = 1e-5)
    {
        var gradient = new double[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
        {
            var value = parameters[i];
            var size = step * Math.Max(1, Math.Abs(value));
            try
            {
                parameters[i] = value + size;
                var (above, lossAbove) = (parameters[i], loss());
                parameters[i] = value - size;
                var (below, lossBelow) = (parameters[i], loss());
                // the steps that rounding really took
                gradient[i] = (lossAbove - lossBelow) / (above - below);
            }
            finally
            {
                parameters[i] = value;
            }
        }
        return gradient;
    }
}
