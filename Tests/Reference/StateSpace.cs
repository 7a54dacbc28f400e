using System.Numerics;

namespace Sequor.Reference;

/// <summary>Diagonal state spaces: S4D (Gu et al. 2022) and DSS (Gupta et al. 2022), by their kernels and by their recurrence.</summary>
public static class StateSpace
{
    /// <summary>
    /// y[t] = sum over s of K[s] u[t-s] + D u[t]; of two directions also the sum of K'[s] u[t+s].
    /// </summary>
    /// <param name="p">Parameters.</param>
    /// <param name="u">[T, B, H]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="length">The steps of the softmax; 0 for T.</param>
    /// <returns>[T, B, H]</returns>
    public static double[] Forward(
        StateSpaceParameters p,
        double[] u,
        int time,
        int batch,
        int length = 0
    )
    {
        var channels = p.Channels;
        Require.Length(u, time * batch * channels);
        Require.Length(p.C, p.Directions * channels * p.States * 2);
        Require.Length(p.D, channels);
        var y = new double[u.Length];
        for (var h = 0; h < channels; h++)
        {
            for (var direction = 0; direction < p.Directions; direction++)
            {
                var kernel = Kernel(p, direction, h, time, length == 0 ? time : length);
                for (var b = 0; b < batch; b++)
                {
                    for (var t = 0; t < time; t++)
                    {
                        var sum = direction == 0 ? p.D[h] * u[((t * batch) + b) * channels + h] : 0;
                        for (var s = 0; s < time; s++)
                        {
                            var from = direction == 0 ? t - s : t + s;
                            if (from >= 0 && from < time)
                            {
                                sum += kernel[s] * u[((from * batch) + b) * channels + h];
                            }
                        }
                        y[((t * batch) + b) * channels + h] += sum;
                    }
                }
            }
        }
        return y;
    }

    /// <summary>The same by x[t] = a x[t-1] + b u[t], y[t] = Re(C x[t]) + D u[t], step by step.</summary>
    /// <param name="p">Parameters.</param>
    /// <param name="u">[T, B, H]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="length">The steps of the softmax; 0 for T.</param>
    /// <returns>[T, B, H]</returns>
    public static double[] Recur(
        StateSpaceParameters p,
        double[] u,
        int time,
        int batch,
        int length = 0
    )
    {
        var channels = p.Channels;
        var y = new double[u.Length];
        for (var direction = 0; direction < p.Directions; direction++)
        {
            for (var column = 0; column < batch * channels; column++)
            {
                var h = column % channels;
                var x = new Complex[p.States];
                for (var step = 0; step < time; step++)
                {
                    var t = direction == 0 ? step : time - 1 - step;
                    var input = u[(t * batch * channels) + column];
                    var sum = direction == 0 ? p.D[h] * input : 0;
                    for (var n = 0; n < p.States; n++)
                    {
                        var (a, b, twice) = Discrete(p, h, n, length == 0 ? time : length);
                        x[n] = (a * x[n]) + (b * input);
                        sum += twice * (Output(p, direction, h, n) * x[n]).Real;
                    }
                    y[(t * batch * channels) + column] += sum;
                }
            }
        }
        return y;
    }

    /// <summary>K[0], K[1], ... of a channel in a direction.</summary>
    /// <param name="p">Parameters.</param>
    /// <param name="direction">0, or 1 for the reverse.</param>
    /// <param name="h">The channel.</param>
    /// <param name="count">How many values.</param>
    /// <param name="length">The steps of the softmax.</param>
    public static double[] Kernel(
        StateSpaceParameters p,
        int direction,
        int h,
        int count,
        int length
    )
    {
        var kernel = new double[count];
        for (var n = 0; n < p.States; n++)
        {
            var (a, b, twice) = Discrete(p, h, n, length);
            var power = Complex.One;
            for (var l = 0; l < count; l++)
            {
                kernel[l] += twice * (Output(p, direction, h, n) * b * power).Real;
                power *= a;
            }
        }
        return kernel;
    }

    private static Complex Output(StateSpaceParameters p, int direction, int h, int n)
    {
        var at = 2 * ((((direction * p.Channels) + h) * p.States) + n);
        return new Complex(p.C[at], p.C[at + 1]);
    }

    private static (Complex A, Complex B, double Twice) Discrete(
        StateSpaceParameters p,
        int h,
        int n,
        int length
    )
    {
        var shared = p.Kind is StateSpaceKind.Exp or StateSpaceKind.Softmax;
        var at = shared ? n : (h * p.States) + n;
        var real = p.Kind == StateSpaceKind.Softmax ? p.Real[at] : -Math.Exp(p.Real[at]);
        var continuous = new Complex(real, p.Imaginary[at]);
        if (!shared)
        {
            var step = Math.Exp(p.LogStep[h]);
            if (p.Kind == StateSpaceKind.Bilinear)
            {
                var below = 1 - (step / 2 * continuous);
                return ((1 + (step / 2 * continuous)) / below, step / below, 2);
            }
            var held = Complex.Exp(step * continuous);
            return (held, (held - 1) / continuous, 2);
        }
        var z = new Complex(
            Math.Exp(p.LogStep[2 * h]) * continuous.Real,
            Math.Exp(p.LogStep[(2 * h) + 1]) * continuous.Imaginary
        );
        var a = Complex.Exp(z);
        if (p.Kind == StateSpaceKind.Exp)
        {
            return (a, (a - 1) / continuous, 1);
        }
        // The softmax's sum, term by term; what is divided by is the sum times this step's difference.
        var turn = z.Real > 0 ? -z : z;
        var sum = Complex.Zero;
        for (var r = 0; r < length; r++)
        {
            sum += Complex.Exp(r * turn);
        }
        var difference = Complex.Exp(turn) - 1;
        var x = difference * sum * continuous;
        var inverse = Complex.Conjugate(x) / ((x * Complex.Conjugate(x)).Real + 1e-7);
        var shift = z.Real > 0 ? Complex.Exp(-(length - 1) * z) : Complex.One;
        return (a, difference * inverse * shift, 1);
    }
}
