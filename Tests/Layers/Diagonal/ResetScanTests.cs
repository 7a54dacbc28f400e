using System.Numerics;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Reference;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// The scan of a CPU where steps begin anew, in both directions, in ranges and with packed rows: states, and gradients by central
/// differences of a recurrence in double precision.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class ResetScanTests(int bits, int threads)
{
    private readonly List<Tensor> _taken = [];

    private Backend Backend => Backends.Get(bits, threads);

    [TearDown]
    public void GiveBack()
    {
        _taken.ForEach(tensor => tensor.Storage.Dispose());
        _taken.Clear();
    }

    private static IEnumerable<TestCaseData> Cases() =>
        from pattern in ResetMarks.Patterns
        from reverse in new[] { false, true }
        from shape in (int[][])
            [
                [1, 1, 3],
                [5, 3, 3, 1],
                [4, 2, 20, 20],
                [1, 2, 33, 4, 17],
            ]
        from ranges in new[] { 1, 3 }
        where ranges <= shape.Skip(1).Max()
        select new TestCaseData(pattern, reverse, shape[0], shape[1..], ranges);

    [TestCaseSource(nameof(Cases))]
    public void A_scan_has_the_states_and_gradients_of_the_recurrence(
        string pattern,
        bool reverse,
        int n,
        int[] lengths,
        int ranges
    )
    {
        int steps = lengths.Max();
        int batch = lengths.Length;
        byte[] marks = ResetMarks.Of(pattern, steps, batch);
        var layout = new SequenceLayout(steps, batch);
        layout.Set(lengths);
        if (lengths.All(length => length == steps))
            layout.SetWhole();
        int rows = layout.IsPacked ? layout.Rows : steps * batch;
        var draw = new Draw((ulong)(steps + n));
        float[] lambda = draw.Uniform(2 * n, -0.7f, 0.7f);
        float[] u = draw.Uniform(2L * rows * n);
        float[] dx = draw.Uniform(u.Length);
        var shape = new Shape(layout.IsPacked ? rows : steps, layout.IsPacked ? 1 : batch, 2 * n);
        StepResets resets = ResetMarks.Placed(
            count => Put(new Shape(count), []),
            marks,
            steps,
            batch,
            layout
        );

        using DiagonalScanOperation scan = Backend.PlanDiagonalScan(
            new DiagonalScanDescriptor(n, steps, batch) { Resets = true }
        );
        Tensor factors = Put(new Shape(n, 2), lambda);
        Tensor states = Put(shape, u);
        Tensor gradient = Put(shape, dx);
        Tensor workspace = Put(Shape.Block(scan.WorkspaceCount), []);
        Tensor dlambda = Put(Shape.Block(scan.LambdaGradientCount), []);
        Tensor slope = Put(new Shape(2 * n), []);
        ScanRange[] parts = Ranges();
        foreach (ScanRange range in parts)
            scan.Forward(factors, states, layout, range, workspace, resets: resets);
        foreach (ScanRange range in parts.Reverse())
            scan.Backward(
                factors,
                states,
                layout,
                range.Of(gradient, layout),
                range,
                dlambda,
                false,
                workspace,
                resets
            );
        Backend.ColumnSum(scan.LambdaGradient(dlambda), default, slope);

        double[] factorsOf = Doubles(lambda);
        double[] inputs = Doubles(u);
        Close.Check(states.ToArray(), States(), Close.Output, "states");
        Check(gradient, CentralDifference.Gradient(Loss, inputs), "the gradient by the inputs");
        Check(slope, CentralDifference.Gradient(Loss, factorsOf), "the gradient by lambda");

        double Loss() => States().Zip(dx, (x, d) => x * d).Sum();

        // Each sequence by itself, in the caller's order.
        double[] States()
        {
            double[] x = new double[u.Length];
            for (int at = 0; at < batch; at++)
            for (int i = 0; i < n; i++)
            {
                int sequence = layout.IsPacked ? layout.Order[at] : at;
                int length = lengths[sequence];
                Complex h = 0;
                for (int k = 0; k < length; k++)
                {
                    int t = reverse ? length - 1 - k : k;
                    int boundary = reverse ? t + 1 : t;
                    if (boundary < length && marks[boundary * batch + sequence] != 0)
                        h = 0;
                    int row = layout.IsPacked ? layout.Row(t) + at : t * batch + at;
                    int place = 2 * (row * n + i);
                    h =
                        new Complex(factorsOf[2 * i], factorsOf[2 * i + 1]) * h
                        + new Complex(inputs[place], inputs[place + 1]);
                    (x[place], x[place + 1]) = (h.Real, h.Imaginary);
                }
            }
            return x;
        }

        ScanRange[] Ranges()
        {
            IEnumerable<ScanRange> all = Enumerable
                .Range(0, ranges)
                .Select(part => new ScanRange(
                    steps * part / ranges,
                    steps * (part + 1) / ranges - steps * part / ranges,
                    reverse
                ));
            return reverse ? [.. all.Reverse()] : [.. all];
        }
    }

    private static void Check(Tensor actual, double[] expected, string what) =>
        Close.Check(actual.ToArray(), expected, Close.Gradient, what);

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);

    private Tensor Put(Shape shape, float[] values)
    {
        Tensor tensor = Backend.Allocate(shape, MemoryCategory.Workspace);
        _taken.Add(tensor);
        tensor.Write(values.Length == 0 ? new float[shape.Count] : values);
        return tensor;
    }
}
