using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>A state space's scan on CUDA against the CPU backend, and twice with the same bits.</summary>
[TestFixture]
public sealed class CudaStateSpaceTests : CudaPlannedFixture
{
    // T, B, H, N: what breaks things; few channels over long times, which are split; many states.
    [Test]
    public void A_scan_is_that_of_the_cpu(
        [Values("1 1 1 1", "7 3 5 9", "300 1 3 5", "40 2 33 4", "130 1 2 70")] string sizes,
        [Values] bool reverse
    ) => Compare(sizes, null, reverse);

    [Test]
    public void A_packed_scan_is_that_of_the_cpu([Values] bool reverse)
    {
        Compare("8 4 9 3", [5, 8, 1, 5], reverse);
        Compare("300 3 2 5", [170, 300, 3], reverse);
    }

    private void Compare(string sizes, int[]? lengths, bool reverse)
    {
        int[] size = [.. sizes.Split(' ').Select(int.Parse)];
        (int t, int b, int h, int n) = (size[0], size[1], size[2], size[3]);
        var results = new List<float[][]>();
        foreach (Backend on in (Backend[])[Gpu, Gpu, Cpu])
        {
            // Planned for more than the batch has.
            using StateSpaceScanOperation scan = on.PlanStateSpaceScan(
                new StateSpaceScanDescriptor(h, n, t + 90, b + 1)
            );
            SequenceLayout? layout = Layout(on, t, b, lengths);
            Shape shape = layout is null ? new Shape(t, b, h) : new(layout.Rows, 1, h);
            var pairs = new Shape(h, 2 * n);
            var operands = new StateSpaceScanOperands
            {
                U = Put(on, shape, 1),
                Y = Put(on, shape, 2),
                A = Put(on, pairs, new Draw(3).Uniform(pairs.Count, -0.65f, 0.65f)),
                C = Put(on, pairs, 4),
                D = Put(on, new Shape(h), 5),
                Layout = layout,
                Reverse = reverse,
                Adds = reverse,
                Carried =
                    layout is null && !reverse ? Put(on, new Shape(1, b, 2 * h * n), 6) : default,
                Workspace = Workspace(on, scan),
            };
            scan.Forward(operands);
            Tensor slope = Put(on, shape, 7);
            var gradients = new StateSpaceScanGradients
            {
                Y = slope,
                // Over dy where that is allowed.
                U = scan.CanOverwrite && !reverse ? slope : Put(on, shape, 8),
                A = Put(on, pairs, 9),
                C = Put(on, pairs, 10),
                D = Put(on, new Shape(h), 11),
            };
            scan.Backward(operands, gradients);
            Tensor[] found =
            [
                operands.Y,
                gradients.U,
                gradients.A,
                gradients.C,
                gradients.D,
                .. operands.Carried.IsEmpty ? [] : new[] { operands.Carried },
            ];
            results.Add([.. found.Select(tensor => tensor.ToArray())]);
        }
        for (int i = 0; i < results[0].Length; i++)
        {
            Close.CheckBits(results[1][i], results[0][i], $"result {i} again");
            Against.Cpu("state space scan", $"result {i}", results[0][i], results[2][i], 1e-5);
        }
    }
}
