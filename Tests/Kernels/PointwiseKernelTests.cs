using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

[TestFixture]
public sealed class PointwiseKernelTests
{
    // Where a block of memory begins that is no multiple of 16 bytes, values go one by one.
    private static readonly object[][] Places =
    [
        [1, 0],
        [31, 1],
        [33, 0],
        [1023, 2],
        [4099, 0],
    ];

    [TestCaseSource(nameof(Places))]
    public void Maps_give_the_bits_of_the_cpu(int count, int offset)
    {
        foreach (
            (PointwiseOp op, string kernel) in new[]
            {
                (PointwiseOp.Add, "add"),
                (PointwiseOp.Gelu, "gelu"),
                (PointwiseOp.GeluGradient, "gelu_gradient"),
                (PointwiseOp.ReluGradient, "relu_gradient"),
            }
        )
        {
            using var host = new HostTensors();
            using var machine = new KernelMachine();
            (float[] a, float[] b) = Values(count);
            bool two = op != PointwiseOp.Gelu;
            Tensor expected = host.New(count);
            host.Backend.Pointwise(
                op,
                new PointwiseArguments
                {
                    A = host.Put(a, count),
                    B = two ? host.Put(b, count) : default,
                    Out = expected,
                }
            );

            DeviceArray left = machine.Put([.. new float[offset], .. a]).From(offset);
            DeviceArray right = machine.Put([.. new float[offset], .. b]).From(offset);
            DeviceArray result = machine.New(count + offset).From(offset);
            object[] operands = two ? [left, right, result] : [left, result];
            machine.Launch(kernel, KernelGrid.Flat(count), [.. operands, (long)count]);

            Close.CheckBits(machine.Get(result), host.Get(expected), kernel);
        }
    }

    [TestCaseSource(nameof(Places))]
    public void A_residual_relu_and_its_gradient_give_the_bits_of_the_cpu(int count, int offset)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        (float[] a, float[] b) = Values(count);
        int words = (count + 31) / 32;
        Tensor sum = host.Put(b, count);
        Tensor bits = host.New((int)PointwiseArguments.BitFloats(count));
        host.Backend.Pointwise(
            PointwiseOp.ResidualRelu,
            new PointwiseArguments
            {
                A = host.Put(a, count),
                Bits = bits,
                Out = sum,
            }
        );
        Tensor dsum = host.Put(a, count);
        Tensor inner = host.New(count);
        host.Backend.Pointwise(
            PointwiseOp.ResidualReluGradient,
            new PointwiseArguments
            {
                A = dsum,
                B = sum,
                Bits = bits,
                Out = inner,
            }
        );

        DeviceArray left = machine.Put([.. new float[offset], .. a]).From(offset);
        DeviceArray result = machine.Put([.. new float[offset], .. b]).From(offset);
        DeviceArray passed = machine.New(words);
        KernelGrid grid = KernelGrid.Flat(count);
        machine.Launch("residual_relu", grid, left, result, passed, (long)count);
        DeviceArray slope = machine.New(count);
        machine.Launch("residual_relu_gradient", grid, left, result, passed, slope, (long)count);
        DeviceArray unmarked = machine.Put(b);
        machine.Launch(
            "residual_relu",
            grid,
            machine.Put(a),
            unmarked,
            DeviceArray.Null,
            (long)count
        );

        Close.CheckBits(machine.Get(result), host.Get(sum), "sum");
        Close.CheckBits(machine.Get(unmarked), host.Get(sum), "sum without bits");
        Close.CheckBits(machine.Get(passed), host.Get(bits).AsSpan(0, words), "bits");
        Close.CheckBits(machine.Get(left), host.Get(dsum), "outer gradient");
        Close.CheckBits(machine.Get(slope), host.Get(inner), "inner gradient");
    }

    [Test]
    public void A_nan_stays_one()
    {
        using var machine = new KernelMachine();
        DeviceArray nan = machine.Put(float.NaN, 1f);
        DeviceArray sum = machine.Put(0f, float.NaN);
        machine.Launch("residual_relu", KernelGrid.Flat(2), nan, sum, machine.New(1), 2L);
        DeviceArray gelu = machine.New(2);
        machine.Launch("gelu", KernelGrid.Flat(2), nan, gelu, 2L);

        Assert.That(machine.Get(sum), Is.All.NaN);
        Assert.That(machine.Get(gelu)[0], Is.NaN);
        Assert.That(machine.Get(gelu)[1], Is.Not.NaN);
    }

    private static (float[] A, float[] B) Values(int count)
    {
        var draw = new Draw((ulong)count);
        float[] b = draw.Uniform(count, -6f, 6f);
        // Where relu has its kink.
        b[count / 2] = 0f;
        b[0] = -0f;
        return (draw.Uniform(count, -6f, 6f), b);
    }
}
