using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of the losses and their gradients against the CPU, masked and not finite values included.</summary>
[TestFixture]
public sealed class LossKernelTests
{
    // Rows, classes; from 257 on logits are read again, in one pass for their sum and the largest.
    private static readonly object[][] Sizes =
    [
        [1, 1],
        [3, 2],
        [70, 10],
        [9, 88],
        [5, 257],
        [3, 700],
    ];

    [TestCase(1)]
    [TestCase(77)]
    [TestCase(9001)]
    public void A_squared_error_is_that_of_the_cpu(int count)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)count);
        float[] prediction = draw.Uniform(count);
        float[] target = draw.Uniform(count);
        Tensor slope = host.New(count);
        Tensor value = host.New(1);
        host.Backend.MeanSquaredError(
            host.Put(prediction, count),
            host.Put(target, count),
            default,
            slope,
            value
        );

        KernelGrid grid = KernelGrid.Sum(count);
        DeviceArray gradient = machine.New(count);
        foreach (DeviceArray wanted in new[] { gradient, DeviceArray.Null })
        {
            DeviceArray loss = machine.New(1);
            machine.Launch(
                "mean_squared_error",
                grid,
                machine.Put(prediction),
                machine.Put(target),
                wanted,
                loss,
                (long)count,
                machine.New(2L * grid.X),
                machine.Zeros(1)
            );
            Close.Check(machine.Get(loss), [host.Get(value)[0]], 1e-6, "loss");
        }
        Close.CheckBits(machine.Get(gradient), host.Get(slope), "gradient");
    }

    [TestCaseSource(nameof(Sizes))]
    public void Losses_of_rows_are_those_of_the_cpu(int rows, int columns)
    {
        foreach (string kernel in Kernels)
        {
            foreach (float[]? mask in Masks(rows))
            {
                // Without a mask it is another kernel.
                if (mask is not null || kernel != Squared)
                    Compare(rows, columns, mask, kernel);
            }
        }
    }

    private const string Squared = "masked_squared_error";
    private const string Softmax = "softmax_cross_entropy";
    private const string Binary = "binary_cross_entropy";
    private static readonly string[] Kernels = [Squared, Softmax, Binary];

    private static IEnumerable<float[]?> Masks(int rows)
    {
        yield return null;
        yield return [.. Enumerable.Range(0, rows).Select(i => i % 3 == 1 ? 0f : 0.5f + i % 2)];
        yield return new float[rows];
    }

    private static void Compare(int rows, int columns, float[]? mask, string kernel)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 1000 + columns));
        float[] output = draw.Uniform(rows * columns, -8f, 8f);
        float[] targets =
            kernel == Softmax ? draw.Classes(rows, columns) : draw.Uniform(rows * columns, 0f, 1f);
        Tensor slope = host.New(rows, columns);
        Tensor value = host.New(1);
        Tensor weights = mask is null ? default : host.Put(mask, rows);
        Tensor y = host.Put(output, rows, columns);
        Tensor wanted =
            kernel == Softmax ? host.Put(targets, rows) : host.Put(targets, rows, columns);
        switch (kernel)
        {
            case Squared:
                host.Backend.MeanSquaredError(y, wanted, weights, slope, value);
                break;
            case Softmax:
                host.Backend.SoftmaxCrossEntropy(y, wanted, weights, slope, value);
                break;
            default:
                host.Backend.BinaryCrossEntropy(y, wanted, weights, slope, value);
                break;
        }

        (float loss, float[] gradient) = OnDevice(machine, output, targets, mask, columns, kernel);

        Close.Check([loss], [host.Get(value)[0]], 1e-6, kernel);
        Close.Check(gradient, [.. host.Get(slope).Select(v => (double)v)], 1e-6, $"d {kernel}");
        if (kernel == Squared)
            Close.CheckBits(gradient, host.Get(slope), $"d {kernel}");
    }

    private static (float Loss, float[] Gradient) OnDevice(
        KernelMachine machine,
        float[] output,
        float[] targets,
        float[]? mask,
        int columns,
        string kernel
    )
    {
        long rows = output.Length / columns;
        DeviceArray weights = mask is null ? DeviceArray.Null : machine.Put(mask);
        DeviceArray total = DeviceArray.Null;
        if (mask is not null)
        {
            total = machine.New(2);
            machine.Launch("mask_sum", new KernelGrid(1, 1, 256), weights, total, rows);
        }
        KernelGrid grid = KernelGrid.LossRows(rows, columns);
        DeviceArray gradient = machine.New(output.Length);
        DeviceArray loss = machine.New(1);
        foreach (DeviceArray wanted in new[] { DeviceArray.Null, gradient })
        {
            machine.Launch(
                kernel,
                grid,
                machine.Put(output),
                machine.Put(targets),
                weights,
                total,
                wanted,
                loss,
                rows,
                columns,
                grid.Lanes,
                machine.New(2L * grid.X),
                machine.Zeros(1)
            );
        }
        float[] slope = machine.Get(gradient);
        // Over the output itself.
        DeviceArray both = machine.Put(output);
        DeviceArray again = machine.New(1);
        machine.Launch(
            kernel,
            grid,
            both,
            machine.Put(targets),
            weights,
            total,
            both,
            again,
            rows,
            columns,
            grid.Lanes,
            machine.New(2L * grid.X),
            machine.Zeros(1)
        );
        Close.CheckBits(machine.Get(both), slope, $"d {kernel} in place");
        Close.CheckBits(machine.Get(again), machine.Get(loss), $"{kernel} in place");
        return (machine.Get(loss)[0], slope);
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(300)]
    public void A_row_of_weight_0_is_not_looked_at(int columns)
    {
        foreach (string kernel in Kernels)
        {
            foreach (float odd in new[] { float.NaN, float.NegativeInfinity, 3e38f })
            {
                // The rows beside it are of the same warp.
                float[] output = new float[3 * columns];
                output.AsSpan(columns, columns).Fill(odd);
                float[] targets = new float[kernel == Softmax ? 3 : 3 * columns];
                int each = targets.Length / 3;
                // As a class it would lie far outside of the row.
                targets.AsSpan(each, each).Fill(1e9f);
                using var machine = new KernelMachine();

                (float loss, float[] gradient) = OnDevice(
                    machine,
                    output,
                    targets,
                    [1f, 0f, 3f],
                    columns,
                    kernel
                );

                double exact = kernel switch
                {
                    Squared => 0,
                    Softmax => Math.Log(columns),
                    _ => columns * Math.Log(2),
                };
                Assert.That(loss, Is.EqualTo(exact).Within(1e-3), $"{kernel}, {odd}");
                Assert.That(gradient[columns..(2 * columns)], Is.All.Zero, $"{kernel}, {odd}");
                Assert.That(gradient, Is.All.Matches<float>(float.IsFinite), $"{kernel}, {odd}");
            }
        }
    }

    [TestCase(3)]
    [TestCase(300)]
    public void What_is_not_finite_shows_in_the_loss_unless_it_is_masked(int columns)
    {
        float[] bad = new float[2 * columns];
        bad[columns + 1] = float.NaN;
        // Nothing but this logit is possible in the first row.
        bad.AsSpan(0, columns).Fill(float.NegativeInfinity);
        bad[2] = 1f;
        float[] classes = [2f, 0f];

        using var machine = new KernelMachine();
        (float loss, float[] gradient) = OnDevice(machine, bad, classes, null, columns, Softmax);
        Assert.That(loss, Is.NaN);
        Assert.That(gradient[columns..], Is.All.NaN);
        Assert.That(gradient[..columns], Is.All.EqualTo(0f).Within(1e-30f));

        float[] targets = new float[2 * columns];
        bad.AsSpan(0, columns).Clear();
        (loss, gradient) = OnDevice(machine, bad, targets, [1f, 0f], columns, Binary);
        Assert.That(loss, Is.EqualTo(columns * Math.Log(2)).Within(1e-3));
        Assert.That(gradient[columns..], Is.All.Zero);
        (loss, _) = OnDevice(machine, bad, targets, null, columns, Binary);
        Assert.That(loss, Is.NaN);
    }
}
