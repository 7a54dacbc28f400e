using System.Numerics;

namespace Sequor.Reference;

/// <summary>The state space model of S5 (Smith, Warrington and Linderman 2023).</summary>
public static class S5
{
    /// <summary>Samples x' = Lambda x + B u at steps of dt, by holding the input: x_t = lambda x_{t-1} + f B u_t.</summary>
    public static (Complex Lambda, Complex Factor) Held(Complex eigenvalue, double dt)
    {
        var lambda = Complex.Exp(dt * eigenvalue);
        return (lambda, eigenvalue == 0 ? dt : (lambda - 1) / eigenvalue);
    }

    /// <summary>The same by Tustin's rule.</summary>
    public static (Complex Lambda, Complex Factor) Bilinear(Complex eigenvalue, double dt)
    {
        var half = dt / 2 * eigenvalue;
        return ((1 + half) / (1 - half), dt / (1 - half));
    }

    /// <summary>The normal part of HiPPO-LegS, [size, size]: its diagonal is -1/2, the rest skew.</summary>
    public static double[,] NormalPart(int size)
    {
        var a = new double[size, size];
        for (var n = 0; n < size; n++)
        {
            for (var k = 0; k < size; k++)
            {
                var product = Math.Sqrt((2.0 * n + 1) * (2.0 * k + 1));
                // A has -product below the diagonal and -(n + 1) on it; P P^T is half of product everywhere.
                var entry =
                    n > k ? -product
                    : n == k ? -(n + 1.0)
                    : 0;
                a[n, k] = entry + product / 2;
            }
        }
        return a;
    }
}
