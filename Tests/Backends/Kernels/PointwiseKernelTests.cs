using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of elementwise sums and ReLUs, at addresses that allow vector loads and at others.</summary>
[TestFixture]
public sealed class PointwiseKernelTests
{
    // Where a block of memory begins that is no multiple of 16 bytes, values go one by one.
    [TestCase(1, 0)]
    [TestCase(31, 1)]
    [TestCase(33, 0)]
    [TestCase(1023, 2)]
    [TestCase(4099, 0)]
    public void Values_are_added(int count, int offset)
    {
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)count);
        float[] a = draw.Uniform(count, -6f, 6f);
        float[] b = draw.Uniform(count, -6f, 6f);
        b[0] = float.NaN;

        DeviceArray left = machine.Put([.. new float[offset], .. a]).From(offset);
        DeviceArray right = machine.Put([.. new float[offset], .. b]).From(offset);
        DeviceArray result = machine.New(count + offset).From(offset);
        machine.Launch("add", KernelGrid.Flat(count), left, right, result, (long)count);

        Close.CheckBits(machine.Get(result), [.. a.Zip(b, (x, y) => x + y)], "sum");
    }

    [TestCase(1, 0)]
    [TestCase(31, 1)]
    [TestCase(33, 0)]
    [TestCase(1023, 2)]
    [TestCase(4099, 0)]
    public void A_sum_passes_a_relu_and_its_gradient_where_the_sum_did(int count, int offset)
    {
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)count);
        float[] a = draw.Uniform(count, -6f, 6f);
        float[] b = draw.Uniform(count, -6f, 6f);
        b[0] = float.NaN;
        float[] sum = [.. a.Zip(b, (x, y) => x + y is var s && s <= 0 ? 0 : s)];

        DeviceArray left = machine.Put([.. new float[offset], .. a]).From(offset);
        DeviceArray right = machine.Put([.. new float[offset], .. b]).From(offset);
        DeviceArray result = machine.New(count + offset).From(offset);
        machine.Launch("add_relu", KernelGrid.Flat(count), left, right, result, (long)count);
        long bytes = machine.Counts.BytesRead + machine.Counts.BytesWritten;
        machine.Launch("relu_slope", KernelGrid.Flat(count), left, result, left, (long)count);

        Close.CheckBits(machine.Get(result), sum, "relu");
        Close.CheckBits(
            machine.Get(left),
            [.. a.Zip(sum, (slope, s) => s > 0 ? slope : 0)],
            "gradient"
        );
        Assert.That(bytes, Is.EqualTo(12L * count));
        // Values that go one by one are not read where none passes.
        Assert.That(
            machine.Counts.BytesRead + machine.Counts.BytesWritten - bytes,
            Is.InRange(8L * count, 12L * count)
        );
    }
}
