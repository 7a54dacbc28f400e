using System.Numerics;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Layers;

/// <summary>
/// The matrices around a diagonal scan and their gradients, for each form of the eigenvalues: everywhere, and where the formulas of S5's
/// sampling lose all digits or divide by nothing.
/// </summary>
[TestFixture]
public sealed class DiagonalParametrizationTests
{
    private const int N = 5;
    private const int D = 3;

    // Decays and frequencies of the states; with steps of S5, near 0 and at it.
    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (DiagonalForm form in Enum.GetValues<DiagonalForm>())
        {
            yield return new(
                form,
                new[] { -2f, -0.5f, 0.2f, -1f, 0.1f },
                new[] { 0.3f, -1f, 1.2f, 0f, 2f },
                new[] { -1f, 0f, -2f, 0.3f, -0.5f }
            );
            if (form.IsSampled())
                yield return new(
                    form,
                    new[] { 0f, -1e-7f, -0.5f, -0.001f, -0.5f },
                    new[] { 0f, 1e-7f, 0f, -0.2f, -1300f },
                    new[] { -2f, -1f, -0.6931472f, -6.9f, -6.9f }
                );
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Values_and_gradients_are_those_of_the_formulas(
        object form,
        float[] decay,
        float[] frequency,
        float[] scale
    )
    {
        var which = (DiagonalForm)form;
        Backend backend = Backends.Get(256, 1);
        var draw = new Draw(3);
        float[][] values =
        [
            decay,
            frequency,
            scale,
            draw.Uniform(N * D),
            draw.Uniform(N * D),
            draw.Uniform(D * N),
            draw.Uniform(D * N),
        ];
        Shape[] shapes = [new(N), new(N), new(N), new(N, D), new(N, D), new(D, N), new(D, N)];
        float[] dlambda = draw.Uniform(2 * N);
        float[] db = draw.Uniform(2 * N * D);
        float[] dc = draw.Uniform(2 * N * D);
        List<Tensor> made = [];
        try
        {
            DiagonalTensors parameters = Gather(which, [.. values.Select(Put)]);
            Tensor[] zeros = [.. values.Select((v, i) => Put(new float[v.Length], i))];
            Tensor lambda = New(new Shape(N, 2), new float[2 * N]);
            Tensor b = New(new Shape(2 * N, D), new float[2 * N * D]);
            Tensor c = New(new Shape(D, 2 * N), new float[2 * N * D]);
            backend.DiagonalParametrization([parameters], [new DiagonalMatrices(lambda, b, c)]);
            backend.DiagonalParametrizationGradient(
                [parameters],
                [
                    new DiagonalMatrices(
                        New(new Shape(1, 2 * N), dlambda),
                        New(b.Shape, db),
                        New(c.Shape, dc)
                    ),
                ],
                [Gather(which, zeros)]
            );

            double[][] doubles = [.. values.Select(v => Array.ConvertAll(v, x => (double)x))];
            (double[] l, double[] wb, double[] wc) = Matrices(which, doubles);
            Close.Check(lambda.ToArray(), l, 1e-6, "lambda");
            Close.Check(b.ToArray(), wb, 1e-6, "B'");
            Close.Check(c.ToArray(), wc, 1e-6, "C'");
            for (int i = 0; i < values.Length; i++)
            {
                if (i == 2 && !which.HasScale())
                    continue;
                double[] at = doubles[i];
                double[] expected = Ref.CentralDifference.Gradient(() => Loss(which, doubles), at);
                Close.Check(zeros[i].ToArray(), expected, Close.Gradient, $"gradient {i}");
            }
        }
        finally
        {
            foreach (Tensor tensor in made)
                tensor.Storage.Dispose();
        }

        double Loss(DiagonalForm f, double[][] at)
        {
            (double[] l, double[] wb, double[] wc) = Matrices(f, at);
            return Sum(l, dlambda) + Sum(wb, db) + Sum(wc, dc);
        }

        Tensor New(Shape shape, float[] from)
        {
            Tensor tensor = backend.Allocate(shape, MemoryCategory.Workspace);
            tensor.Write(from);
            made.Add(tensor);
            return tensor;
        }

        Tensor Put(float[] from, int i) => New(shapes[i], from);
    }

    private static double Sum(double[] a, float[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static DiagonalTensors Gather(DiagonalForm form, Tensor[] t) =>
        new(form, t[0], t[1], form.HasScale() ? t[2] : default, t[3], t[4], t[5], t[6]);

    private static (double[] Lambda, double[] B, double[] C) Matrices(
        DiagonalForm form,
        double[][] p
    )
    {
        var lambda = new double[2 * N];
        var b = new double[2 * N * D];
        var c = new double[2 * N * D];
        for (int n = 0; n < N; n++)
        {
            (Complex value, Complex factor) = State(form, p[0][n], p[1][n], p[2][n]);
            (lambda[2 * n], lambda[2 * n + 1]) = (value.Real, value.Imaginary);
            for (int d = 0; d < D; d++)
            {
                Complex row = factor * new Complex(p[3][n * D + d], p[4][n * D + d]);
                b[2 * n * D + d] = row.Real;
                b[(2 * n + 1) * D + d] = row.Imaginary;
                double pairs = form.IsSampled() ? 2 : 1;
                c[d * 2 * N + 2 * n] = pairs * p[5][d * N + n];
                c[d * 2 * N + 2 * n + 1] = -pairs * p[6][d * N + n];
            }
        }
        return (lambda, b, c);
    }

    private static (Complex Lambda, Complex Factor) State(
        DiagonalForm form,
        double decay,
        double frequency,
        double scale
    )
    {
        var pair = new Complex(decay, frequency);
        return form switch
        {
            DiagonalForm.LogPolar => (Ref.Lru.Lambda(decay, frequency), Math.Exp(scale)),
            DiagonalForm.Cartesian => (pair, 1),
            DiagonalForm.Polar => (Complex.FromPolarCoordinates(Math.Exp(-decay), frequency), 1),
            DiagonalForm.Stable => (
                Complex.FromPolarCoordinates(Math.Exp(-Math.Exp(decay)), frequency),
                1
            ),
            DiagonalForm.ZeroOrderHold => S5Reference(pair, Math.Exp(scale)),
            _ => Ref.S5.Bilinear(pair, Math.Exp(scale)),
        };
    }

    // Near 0 the reference's quotient has lost its digits as well; there its series, which ends where a double does.
    private static (Complex, Complex) S5Reference(Complex eigenvalue, double dt)
    {
        Complex z = dt * eigenvalue;
        (Complex lambda, Complex factor) = Ref.S5.Held(eigenvalue, dt);
        return Complex.Abs(z) < 1e-3
            ? (lambda, dt * (1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5)))))
            : (lambda, factor);
    }
}
