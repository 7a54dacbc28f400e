using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of the LRU's matrices and their gradients against the CPU, and the accuracy of lambda.</summary>
[TestFixture]
public sealed class LruKernelTests
{
    private const DiagonalForm Form = DiagonalForm.LogPolar;

    [TestCase(1, 1, 1)]
    [TestCase(5, 3, 2)]
    [TestCase(140, 9, 1)]
    public void Matrices_and_their_gradients_are_those_of_the_cpu(
        int model,
        int size,
        int directions
    ) => Compare([Drawn(model, size, directions)]);

    // Blocks of other sizes, which leave some of the grid without a row.
    [Test]
    public void Those_of_many_blocks_in_a_launch_are_those_of_each() =>
        Compare([Drawn(5, 3, 2), Drawn(1, 1, 1), Drawn(33, 20, 1), Drawn(2, 130, 2)]);

    private static DiagonalCase Drawn(int model, int size, int directions)
    {
        var draw = new Draw((ulong)(model * 100 + size));
        return DiagonalCase.Of(
            Form,
            draw.Uniform(size, -6f, 0.5f),
            draw.Uniform(size, -3f, 1.8f),
            draw.Uniform(size, -2f, 0.5f),
            model,
            directions
        );
    }

    private static void Compare(DiagonalCase[] cases)
    {
        using var machine = new KernelMachine();
        var device = new DiagonalOnDevice(machine, cases);
        device.Prepare();
        device.Gradient();
        for (int i = 0; i < cases.Length; i++)
            DiagonalResult.OfCpu(cases[i]).Check(device.Result(i), 1.2e-7);
        device.RequireGaps();
    }

    // The slowest phases, those near the bounds of the reduction, and large ones.
    [Test]
    public void Lambda_is_exact_to_half_a_bit_of_a_float()
    {
        using var machine = new KernelMachine();
        float[] nu = [-12f, -7f, -3f, 0f, 1f, 4.4f, -20f, -5f];
        float[] theta = [-9f, 0.4515827f, 1.1447299f, 1.8378770f, 8f, 14f, -30f, 21f];
        int n = nu.Length;
        var device = new DiagonalOnDevice(
            machine,
            DiagonalCase.Of(Form, nu, theta, new float[n], 1, 1)
        );
        device.Prepare();
        float[] actual = device.Result(0).Lambda;
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
}
