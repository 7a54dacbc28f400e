using System.Numerics;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Reference;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// The scan with another lambda than an LRU's: that of an S4D, exp(step (a + i b)) with real and imaginary parts learned as they
/// are (Gu et al. 2022), whose gradients are made of the one by lambda alone.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class ScanGradientTests(int bits, int threads)
{
    private const float Step = 0.1f;

    private Backend Backend => Backends.Get(bits, threads);

    [TestCase(1, 1, 1)]
    [TestCase(7, 3, 5)]
    [TestCase(40, 2, 33)]
    public void An_s4d_has_its_gradients_by_the_scans(int steps, int batch, int n)
    {
        var draw = new Draw((ulong)(steps + n));
        float[] real = draw.Uniform(n, -2f, -0.1f);
        float[] imaginary = draw.Uniform(n, 0f, 10f);
        float[] u = draw.Uniform(2L * steps * batch * n);
        float[] dx = draw.Uniform(u.Length);
        float[] lambdas = [.. Lambdas(Doubles(real), Doubles(imaginary)).SelectMany(Pair)];
        using DiagonalScanOperation scan = Backend.PlanDiagonalScan(
            new DiagonalScanDescriptor(n, steps, batch)
        );
        var states = new Shape(steps, batch, 2 * n);
        Tensor lambda = Put(new Shape(n, 2), lambdas);
        Tensor x = Put(states, u);
        Tensor du = Put(states, dx);
        Tensor workspace = Put(Shape.Block(scan.WorkspaceCount), []);
        Tensor dlambda = Put(Shape.Block(scan.LambdaGradientCount), []);
        Tensor slope = Put(new Shape(2 * n), []);
        try
        {
            var all = new ScanRange(0, steps);
            scan.Forward(lambda, x, null, all, workspace);
            scan.Backward(lambda, x, null, du, all, dlambda, false, workspace);
            Backend.ColumnSum(scan.LambdaGradient(dlambda), default, slope);

            // By the chain rule: lambda' = step lambda.
            float[] by = slope.ToArray();
            double[] byReal = new double[n];
            double[] byImaginary = new double[n];
            for (int i = 0; i < n; i++)
            {
                byReal[i] =
                    Step * (by[2 * i] * lambdas[2 * i] + by[2 * i + 1] * lambdas[2 * i + 1]);
                byImaginary[i] =
                    Step * (by[2 * i + 1] * lambdas[2 * i] - by[2 * i] * lambdas[2 * i + 1]);
            }
            double[] a = Doubles(real);
            double[] b = Doubles(imaginary);
            Check(byReal, CentralDifference.Gradient(() => Loss(a, b), a), "real part");
            Check(byImaginary, CentralDifference.Gradient(() => Loss(a, b), b), "imaginary part");
        }
        finally
        {
            foreach (Tensor tensor in (Tensor[])[lambda, x, du, workspace, dlambda, slope])
                tensor.Storage.Dispose();
        }

        // The sum of the states, each part weighed by its dx.
        double Loss(double[] re, double[] im)
        {
            Complex[] factors = [.. Lambdas(re, im)];
            var state = new Complex[batch * n];
            double loss = 0;
            for (int at = 0; at < u.Length / 2; at++)
            {
                ref Complex h = ref state[at % state.Length];
                h = factors[at % n] * h + new Complex(u[2 * at], u[2 * at + 1]);
                loss += h.Real * dx[2 * at] + h.Imaginary * dx[2 * at + 1];
            }
            return loss;
        }
    }

    private static void Check(double[] actual, double[] expected, string what) =>
        Close.Check([.. actual.Select(v => (float)v)], expected, Close.Gradient, what);

    private static IEnumerable<Complex> Lambdas(double[] re, double[] im) =>
        re.Zip(im, (a, b) => Complex.Exp(Step * new Complex(a, b)));

    private static float[] Pair(Complex z) => [(float)z.Real, (float)z.Imaginary];

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);

    private Tensor Put(Shape shape, float[] values)
    {
        Tensor tensor = Backend.Allocate(shape, MemoryCategory.Workspace);
        tensor.Write(values.Length == 0 ? new float[shape.Count] : values);
        return tensor;
    }
}
