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
    /// <returns>[T, B, d]</returns>
    public static double[] Forward(LruParameters p, double[] u, int time, int batch)
    {
        Require.Length(p.Nu, p.States);
        Require.Length(p.Theta, p.States);
        Require.Length(p.GammaLog, p.States);
        Require.Length(p.D, p.Channels);
        return new DiagonalRecurrence(
            [.. p.Nu.Zip(p.Theta, Lambda)],
            [.. p.GammaLog.Select(gamma => new Complex(Math.Exp(gamma), 0))],
            1,
            p.BRe,
            p.BIm,
            p.CRe,
            p.CIm,
            p.D,
            p.Directions
        ).Forward(u, time, batch);
    }

    /// <summary>lambda = exp(-exp(nu) + i exp(theta)).</summary>
    public static Complex Lambda(double nu, double theta) =>
        Complex.FromPolarCoordinates(Math.Exp(-Math.Exp(nu)), Math.Exp(theta));
}
