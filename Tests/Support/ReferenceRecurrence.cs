using System.Numerics;
using Sequor.Layers;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Support;

/// <summary>The reference of the diagonal recurrence within a block.</summary>
internal static class ReferenceRecurrence
{
    /// <summary>Gathers it.</summary>
    /// <param name="block">Its structure.</param>
    /// <param name="p">The values, by the names within the block.</param>
    public static Ref.DiagonalRecurrence Of(DiagonalBlock block, Func<string, double[]> p)
    {
        (Complex[] lambda, Complex[] factor, double pairs, bool both) = block switch
        {
            LruBlock { Options: var o } => (
                Eigenvalues(o.Rung, p),
                Factors(o.Rung, block.StateSize, p),
                1.0,
                o.Bidirectional
            ),
            S5Block { Options: var o } => Sampled(o, p),
            _ => throw new NotSupportedException($"The reference has no {block.GetType().Name}."),
        };
        return new Ref.DiagonalRecurrence(
            lambda,
            factor,
            pairs,
            p("B_re"),
            p("B_im"),
            p("C_re"),
            p("C_im"),
            p("D"),
            both ? 2 : 1
        );
    }

    private static Complex[] Factors(LruRung rung, int states, Func<string, double[]> p) =>
        rung == LruRung.Lru
            ? [.. p("gamma_log").Select(gamma => new Complex(Math.Exp(gamma), 0))]
            : [.. Enumerable.Repeat(Complex.One, states)];

    private static Complex[] Eigenvalues(LruRung rung, Func<string, double[]> p) =>
        rung switch
        {
            LruRung.Lru => [.. p("nu_log").Zip(p("theta_log"), Ref.Lru.Lambda)],
            LruRung.Diagonal => Pairs(p),
            LruRung.Polar =>
            [
                .. p("nu").Zip(p("theta"), (nu, theta) => Complex.Exp(new Complex(-nu, theta))),
            ],
            _ =>
            [
                .. p("nu_log")
                    .Zip(p("theta"), (nu, theta) => Complex.Exp(new Complex(-Math.Exp(nu), theta))),
            ],
        };

    private static (Complex[], Complex[], double, bool) Sampled(
        S5Options options,
        Func<string, double[]> p
    )
    {
        (Complex Lambda, Complex Factor)[] states =
        [
            .. Pairs(p)
                .Zip(
                    p("log_step").Select(Math.Exp),
                    (eigenvalue, dt) =>
                        options.Discretization == Discretization.Bilinear
                            ? Ref.S5.Bilinear(eigenvalue, dt)
                            : Ref.S5.Held(eigenvalue, dt)
                ),
        ];
        return (
            [.. states.Select(s => s.Lambda)],
            [.. states.Select(s => s.Factor)],
            2.0,
            options.Bidirectional
        );
    }

    private static Complex[] Pairs(Func<string, double[]> p) =>
        [.. p("Lambda_re").Zip(p("Lambda_im"), (re, im) => new Complex(re, im))];
}
