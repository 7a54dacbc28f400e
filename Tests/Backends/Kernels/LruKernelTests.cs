using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of the LRU's matrices and their gradients against the CPU, and the accuracy of lambda.</summary>
[TestFixture]
public sealed class LruKernelTests
{
    [TestCase(1, 1, 1)]
    [TestCase(5, 3, 2)]
    [TestCase(140, 9, 1)]
    public void Matrices_and_their_gradients_are_those_of_the_cpu(
        int model,
        int size,
        int directions
    )
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(model * 10 + size));
        int cells = directions * size;
        float[][] values =
        [
            draw.Uniform(size, -6f, 0.5f),
            draw.Uniform(size, -3f, 1.8f),
            draw.Uniform(size, -2f, 0.5f),
            draw.Uniform(size * model),
            draw.Uniform(size * model),
            draw.Uniform(model * cells),
            draw.Uniform(model * cells),
        ];
        float[][] starts = [.. values.Select(v => draw.Uniform(v.Length))];
        int[][] shapes =
        [
            [size],
            [size],
            [size],
            [size, model],
            [size, model],
            [model, cells],
            [model, cells],
        ];
        DiagonalTensors parameters = Gather([.. values.Select((v, i) => host.Put(v, shapes[i]))]);
        Tensor[] slopes = [.. starts.Select((v, i) => host.Put(v, shapes[i]))];
        Tensor lambda = host.New(size, 2);
        Tensor b = host.New(2 * size, model);
        Tensor c = host.New(directions * model, 2 * size);
        host.Backend.DiagonalParametrization(parameters, new DiagonalMatrices(lambda, b, c));
        // Of several passes, sequences or tiles.
        const int Parts = 3;
        float[] parts = draw.Uniform(Parts * 2 * size);
        float[] db = draw.Uniform(2 * size * model);
        float[] dc = draw.Uniform(2 * size * directions * model);
        host.Backend.DiagonalParametrizationGradient(
            parameters,
            new DiagonalMatrices(
                host.Put(parts, Parts, 2 * size),
                host.Put(db, 2 * size, model),
                host.Put(dc, directions * model, 2 * size)
            ),
            Gather(slopes)
        );

        DeviceArray[] p = [.. values.Select(v => machine.Put(v))];
        DeviceArray[] d = [.. starts.Select(v => machine.Put(v))];
        DeviceArray factors = machine.New(2 * size);
        DeviceArray into = machine.New(2 * size * model);
        DeviceArray outOf = machine.New(2 * size * directions * model);
        KernelGrid grid = KernelGrid.Each(size + directions * model, 128);
        object[] sizes = [model, size, directions];
        machine.Launch("lru_prepare", grid, [.. p.Cast<object>(), factors, into, outOf, .. sizes]);
        machine.Launch(
            "lru_prepare_gradient",
            grid,
            [
                .. p[..5].Cast<object>(),
                machine.Put(parts),
                Parts,
                machine.Put(db),
                machine.Put(dc),
                .. d.Cast<object>(),
                .. sizes,
            ]
        );

        // To the last bit but one where double rounds to the other side.
        Close.Check(machine.Get(factors), Doubles(host.Get(lambda)), 6e-8, "lambda");
        Close.Check(machine.Get(into), Doubles(host.Get(b)), 1.2e-7, "B'");
        Close.CheckBits(machine.Get(outOf), host.Get(c), "C'");
        for (int i = 0; i < slopes.Length; i++)
            Close.Check(machine.Get(d[i]), Doubles(host.Get(slopes[i])), 1e-6, $"gradient {i}");
    }

    // The slowest phases, those near the bounds of the reduction, and large ones.
    [Test]
    public void Lambda_is_exact_to_half_a_bit_of_a_float()
    {
        using var machine = new KernelMachine();
        float[] nu = [-12f, -7f, -3f, 0f, 1f, 4.4f, -20f, -5f];
        float[] theta = [-9f, 0.4515827f, 1.1447299f, 1.8378770f, 8f, 14f, -30f, 21f];
        int n = nu.Length;
        DeviceArray one = machine.Zeros(n);
        DeviceArray lambda = machine.New(2 * n);
        machine.Launch(
            "lru_prepare",
            KernelGrid.Each(n + 1, 128),
            machine.Put(nu),
            machine.Put(theta),
            one,
            one,
            one,
            one,
            one,
            lambda,
            machine.New(2 * n),
            machine.New(2 * n),
            1,
            n,
            1
        );
        float[] actual = machine.Get(lambda);
        for (int i = 0; i < n; i++)
        {
            double radius = Math.Exp(-Math.Exp(nu[i]));
            double phase = Math.Exp(theta[i]);
            // What one unit of a double in the phase itself is worth.
            double slack = radius * phase * 4e-16 + 1e-16;
            double re = radius * Math.Cos(phase);
            double im = radius * Math.Sin(phase);
            Close.Check(actual[2 * i], re, 1, Math.Abs(re) * 6e-8 + slack, $"re {i}");
            Close.Check(actual[2 * i + 1], im, 1, Math.Abs(im) * 6e-8 + slack, $"im {i}");
        }
    }

    private static DiagonalTensors Gather(Tensor[] t) =>
        new(DiagonalForm.LogPolar, t[0], t[1], t[2], t[3], t[4], t[5], t[6]);

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
