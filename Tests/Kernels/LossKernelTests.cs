using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

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
    public void Cross_entropies_are_those_of_the_cpu(int rows, int columns)
    {
        foreach (bool binary in new[] { false, true })
        {
            foreach (float[]? mask in Masks(rows))
                Compare(rows, columns, mask, binary);
        }
    }

    private static IEnumerable<float[]?> Masks(int rows)
    {
        yield return null;
        yield return [.. Enumerable.Range(0, rows).Select(i => i % 3 == 1 ? 0f : 0.5f + i % 2)];
        yield return new float[rows];
    }

    private static void Compare(int rows, int columns, float[]? mask, bool binary)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)(rows * 1000 + columns));
        float[] logits = draw.Uniform(rows * columns, -8f, 8f);
        float[] targets = binary
            ? draw.Uniform(rows * columns, 0f, 1f)
            : [.. Enumerable.Range(0, rows).Select(_ => (float)draw.Next(columns))];
        Tensor slope = host.New(rows, columns);
        Tensor value = host.New(1);
        Tensor weights = mask is null ? default : host.Put(mask, rows);
        Tensor wanted = binary ? host.Put(targets, rows, columns) : host.Put(targets, rows);
        if (binary)
            host.Backend.BinaryCrossEntropy(
                host.Put(logits, rows, columns),
                wanted,
                weights,
                slope,
                value
            );
        else
            host.Backend.SoftmaxCrossEntropy(
                host.Put(logits, rows, columns),
                wanted,
                weights,
                slope,
                value
            );

        (float loss, float[] gradient) = OnDevice(machine, logits, targets, mask, columns, binary);

        string what = $"{(binary ? "binary " : "")}cross entropy";
        Close.Check([loss], [host.Get(value)[0]], 1e-6, what);
        Close.Check(gradient, [.. host.Get(slope).Select(v => (double)v)], 1e-6, $"d {what}");
    }

    private static (float Loss, float[] Gradient) OnDevice(
        KernelMachine machine,
        float[] logits,
        float[] targets,
        float[]? mask,
        int columns,
        bool binary
    )
    {
        long rows = logits.Length / columns;
        DeviceArray weights = mask is null ? DeviceArray.Null : machine.Put(mask);
        DeviceArray total = DeviceArray.Null;
        if (mask is not null)
        {
            total = machine.New(2);
            machine.Launch("mask_sum", new KernelGrid(1, 1, 256), weights, total, rows);
        }
        KernelGrid grid = KernelGrid.LossRows(rows, columns);
        DeviceArray gradient = machine.New(logits.Length);
        DeviceArray loss = machine.New(1);
        machine.Launch(
            binary ? "binary_cross_entropy" : "softmax_cross_entropy",
            grid,
            machine.Put(logits),
            machine.Put(targets),
            weights,
            total,
            gradient,
            loss,
            rows,
            columns,
            grid.Lanes,
            machine.New(2L * grid.X),
            machine.Zeros(1)
        );
        return (machine.Get(loss)[0], machine.Get(gradient));
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
        (float loss, float[] gradient) = OnDevice(machine, bad, classes, null, columns, false);
        Assert.That(loss, Is.NaN);
        Assert.That(gradient[columns..], Is.All.NaN);
        Assert.That(gradient[..columns], Is.All.EqualTo(0f).Within(1e-30f));

        float[] targets = new float[2 * columns];
        bad.AsSpan(0, columns).Clear();
        (loss, gradient) = OnDevice(machine, bad, targets, [1f, 0f], columns, true);
        Assert.That(loss, Is.EqualTo(columns * Math.Log(2)).Within(1e-3));
        Assert.That(gradient[columns..], Is.All.Zero);
        (loss, _) = OnDevice(machine, bad, targets, null, columns, true);
        Assert.That(loss, Is.NaN);
    }
}
