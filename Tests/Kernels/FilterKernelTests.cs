using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

[TestFixture]
public sealed class FilterKernelTests
{
    [TestCase(1, 1, 1)]
    [TestCase(1, 130, 4)]
    [TestCase(3, 5, 7)]
    [TestCase(5, 257, 2)]
    public void Axes_are_swapped_and_swapped_back(int matrices, int rows, int columns)
    {
        using var machine = new KernelMachine();
        float[] values = new Draw(1).Uniform(matrices * rows * columns);
        // What is not finite is moved as it is.
        values[0] = float.NaN;
        values[^1] = float.NegativeInfinity;
        float[] expected = new float[values.Length];
        for (int n = 0; n < matrices; n++)
        for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            expected[(n * columns + j) * rows + i] = values[(n * rows + i) * columns + j];
        DeviceArray from = machine.Put(values);
        DeviceArray to = machine.New(values.Length);
        DeviceArray back = machine.New(values.Length);

        Swap(from, to, matrices, rows, columns);
        Swap(to, back, matrices, columns, rows);

        Close.CheckBits(machine.Get(to), expected, "swapped");
        Close.CheckBits(machine.Get(back), values, "swapped back");
        Assert.That(
            machine.Counts.BytesRead + machine.Counts.BytesWritten,
            Is.EqualTo(2 * 8 * values.Length)
        );

        void Swap(DeviceArray from, DeviceArray to, int matrices, int rows, int columns)
        {
            KernelGrid grid = KernelGrid.Rows(matrices * columns, rows);
            machine.Launch(
                "swap_axes",
                grid,
                from,
                to,
                matrices * columns,
                columns,
                rows,
                grid.Lanes
            );
        }
    }
}
