using System.Numerics;

namespace Sequor.Reference;

/// <summary>The linear recurrent unit of Orvieto et al. 2023, section 3.</summary>
public static class Lru
{
    /// <summary>
    /// h[t] = lambda h[t-1] + exp(gamma_log) (B u[t]), y[t] = Re(C h[t]) + D u[t], with h zero before time 0. In two
    /// directions a second h runs from the end, and C sees [forward | reverse].
    /// </summary>
    /// <param name="p">Parameters.</param>
    /// <param name="u">[T, B, d]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="state">
    /// [B, N], of one direction: h before the first step, which is overwritten by that after the last; null for zeros
    /// </param>
    /// <returns>[T, B, d]</returns>
    public static double[] Forward(
        LruParameters p,
        double[] u,
        int time,
        int batch,
        Complex[]? state = null
    )
    {
        var (channels, states) = (p.Channels, p.States);
        Require.Length(u, time * batch * channels);
        Require.Length(p.Nu, states);
        Require.Length(p.Theta, states);
        Require.Length(p.GammaLog, states);
        Require.Length(p.BRe, states * channels);
        Require.Length(p.BIm, states * channels);
        Require.Length(p.CRe, channels * p.Directions * states);
        Require.Length(p.CIm, channels * p.Directions * states);
        Require.Length(p.D, channels);

        var y = new double[u.Length];
        for (var direction = 0; direction < p.Directions; direction++)
        {
            var h = state ?? new Complex[batch * states];
            for (var step = 0; step < time; step++)
            {
                var t = direction == 0 ? step : time - 1 - step;
                for (var b = 0; b < batch; b++)
                    Step(p, direction, u, y, h, (t * batch + b) * channels, b * states);
            }
        }
        return y;
    }

    private static void Step(
        LruParameters p,
        int direction,
        double[] u,
        double[] y,
        Complex[] h,
        int row,
        int first
    )
    {
        var (channels, states) = (p.Channels, p.States);
        for (var n = 0; n < states; n++)
        {
            var input = Complex.Zero;
            for (var c = 0; c < channels; c++)
                input += new Complex(p.BRe[n * channels + c], p.BIm[n * channels + c]) * u[row + c];
            h[first + n] =
                Lambda(p.Nu[n], p.Theta[n]) * h[first + n] + Math.Exp(p.GammaLog[n]) * input;
        }
        for (var c = 0; c < channels; c++)
        {
            var sum = Complex.Zero;
            for (var n = 0; n < states; n++)
            {
                var at = (c * p.Directions + direction) * states + n;
                sum += new Complex(p.CRe[at], p.CIm[at]) * h[first + n];
            }
            y[row + c] += sum.Real + (direction == 0 ? p.D[c] * u[row + c] : 0);
        }
    }

    /// <summary>lambda = exp(-exp(nu) + i exp(theta)).</summary>
    public static Complex Lambda(double nu, double theta) =>
        Complex.FromPolarCoordinates(Math.Exp(-Math.Exp(nu)), Math.Exp(theta));
}
