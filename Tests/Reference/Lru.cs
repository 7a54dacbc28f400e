using System.Numerics;

namespace Sequor.Reference;

/// <summary>The linear recurrent unit of Orvieto et al. 2023, section 3.</summary>
public static class Lru
{
    /// <summary>
    /// h[t] = lambda h[t-1] + exp(gamma_log) (B u[t]), y[t] = Re(C h[t]) + D u[t], with h zero before time 0.
    /// </summary>
    /// <param name="p">Parameters.</param>
    /// <param name="u">[T, B, d]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <returns>[T, B, d]</returns>
    public static double[] Forward(LruParameters p, double[] u, int time, int batch)
    {
        var (channels, states) = (p.Channels, p.States);
        Require.Length(u, time * batch * channels);
        Require.Length(p.Nu, states);
        Require.Length(p.Theta, states);
        Require.Length(p.GammaLog, states);
        Require.Length(p.BRe, states * channels);
        Require.Length(p.BIm, states * channels);
        Require.Length(p.CRe, channels * states);
        Require.Length(p.CIm, channels * states);
        Require.Length(p.D, channels);

        var h = new Complex[batch * states];
        var y = new double[u.Length];
        for (var t = 0; t < time; t++)
        {
            for (var b = 0; b < batch; b++)
            {
                var row = (t * batch + b) * channels;
                for (var n = 0; n < states; n++)
                {
                    var input = Complex.Zero;
                    for (var c = 0; c < channels; c++)
                    {
                        input +=
                            new Complex(p.BRe[n * channels + c], p.BIm[n * channels + c])
                            * u[row + c];
                    }
                    var at = b * states + n;
                    h[at] = Lambda(p.Nu[n], p.Theta[n]) * h[at] + Math.Exp(p.GammaLog[n]) * input;
                }
                for (var c = 0; c < channels; c++)
                {
                    var sum = Complex.Zero;
                    for (var n = 0; n < states; n++)
                    {
                        sum +=
                            new Complex(p.CRe[c * states + n], p.CIm[c * states + n])
                            * h[b * states + n];
                    }
                    y[row + c] = sum.Real + p.D[c] * u[row + c];
                }
            }
        }
        return y;
    }

    /// <summary>lambda = exp(-exp(nu) + i exp(theta)).</summary>
    public static Complex Lambda(double nu, double theta) =>
        Complex.FromPolarCoordinates(Math.Exp(-Math.Exp(nu)), Math.Exp(theta));
}
