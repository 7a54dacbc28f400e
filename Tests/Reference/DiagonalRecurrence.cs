using System.Numerics;

namespace Sequor.Reference;

/// <summary>A linear recurrence with a complex diagonal: d channels outside, N states inside.</summary>
/// <param name="Lambda">[N], the eigenvalues</param>
/// <param name="Factor">[N], what the inputs of each state are multiplied by</param>
/// <param name="OutputFactor">What the real part of C h is multiplied by.</param>
/// <param name="BRe">[N, d]</param>
/// <param name="BIm">[N, d]</param>
/// <param name="CRe">[d, directions * N]</param>
/// <param name="CIm">[d, directions * N]</param>
/// <param name="D">[d]</param>
/// <param name="Directions">1, or 2 where another recurrence runs from the end</param>
public sealed record DiagonalRecurrence(
    Complex[] Lambda,
    Complex[] Factor,
    double OutputFactor,
    double[] BRe,
    double[] BIm,
    double[] CRe,
    double[] CIm,
    double[] D,
    int Directions
)
{
    /// <summary>
    /// h[t] = lambda h[t-1] + f (B u[t]), y[t] = factor Re(C h[t]) + D u[t], with h zero before time 0 unless a state is given. In two directions a second h runs
    /// from the end, and C sees [forward | reverse].
    /// </summary>
    /// <param name="u">[T, B, d]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="state">
    /// [B, N], of one direction: h before the first step, which is overwritten by that after the last; null for zeros
    /// </param>
    /// <param name="resets">
    /// [T, B]: 1 where a sequence begins anew, so that nothing passes between this step and the one before it in either direction; null for none
    /// </param>
    /// <returns>[T, B, d]</returns>
    public double[] Forward(
        double[] u,
        int time,
        int batch,
        Complex[]? state = null,
        byte[]? resets = null
    )
    {
        var (channels, states) = (D.Length, Lambda.Length);
        Require.Length(u, time * batch * channels);
        Require.Length(BRe, states * channels);
        Require.Length(BIm, states * channels);
        Require.Length(CRe, channels * Directions * states);
        Require.Length(CIm, channels * Directions * states);

        var y = new double[u.Length];
        for (var direction = 0; direction < Directions; direction++)
        {
            var h = state ?? new Complex[batch * states];
            for (var step = 0; step < time; step++)
            {
                var t = direction == 0 ? step : time - 1 - step;
                for (var b = 0; b < batch; b++)
                {
                    // The boundary that was crossed to come here.
                    var boundary = direction == 0 ? t : t + 1;
                    if (resets is not null && boundary < time && resets[boundary * batch + b] != 0)
                        Array.Clear(h, b * states, states);
                    Step(direction, u, y, h, (t * batch + b) * channels, b * states);
                }
            }
        }
        return y;
    }

    private void Step(int direction, double[] u, double[] y, Complex[] h, int row, int first)
    {
        var (channels, states) = (D.Length, Lambda.Length);
        for (var n = 0; n < states; n++)
        {
            var input = Complex.Zero;
            for (var c = 0; c < channels; c++)
                input += new Complex(BRe[n * channels + c], BIm[n * channels + c]) * u[row + c];
            h[first + n] = Lambda[n] * h[first + n] + Factor[n] * input;
        }
        for (var c = 0; c < channels; c++)
        {
            var sum = Complex.Zero;
            for (var n = 0; n < states; n++)
            {
                var at = (c * Directions + direction) * states + n;
                sum += new Complex(CRe[at], CIm[at]) * h[first + n];
            }
            y[row + c] += OutputFactor * sum.Real + (direction == 0 ? D[c] * u[row + c] : 0);
        }
    }
}
