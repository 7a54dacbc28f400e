using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>The LRU's scan on CUDA against the CPU backend.</summary>
[TestFixture]
public sealed class CudaScanTests : CudaPlannedFixture
{
    private const double Most = 1e-5;

    // T, B, N: what breaks things; few channels over long times; as many as a thread walks alone, and two at a time.
    private static readonly (int T, int B, int N)[] Shapes =
    [
        (1, 1, 1),
        (1, 5, 3),
        (7, 1, 130),
        (9, 4, 1),
        (70, 2, 257),
        (200, 3, 3),
        (5000, 1, 2),
        (3, 1000, 67),
        (2, 3000, 44),
    ];

    private static IEnumerable<TestCaseData> EveryShape()
    {
        foreach ((int t, int b, int n) in Shapes)
        foreach (bool reverse in (bool[])[false, true])
            yield return new TestCaseData(t, b, n, reverse);
    }

    [TestCaseSource(nameof(EveryShape))]
    public void A_scan_is_that_of_the_cpu(int t, int b, int n, bool reverse) =>
        Compare(t, b, n, null, reverse, 1);

    [TestCaseSource(nameof(EveryShape))]
    public void A_scan_in_ranges_is_that_of_the_cpu(int t, int b, int n, bool reverse) =>
        Compare(t, b, n, null, reverse, 3);

    [Test]
    public void A_packed_scan_is_that_of_the_cpu(
        [Values(1, 2)] int parts,
        [Values] bool reverse,
        [Values(1, 3, 130)] int n
    )
    {
        Compare(8, 4, n, [5, 8, 1, 5], reverse, parts);
        Compare(300, 3, n, [170, 300, 3], reverse, parts);
    }

    [Test]
    public void A_smaller_batch_than_planned_is_scanned_too()
    {
        // Planned for more channels than are split over time, and then split.
        Compare(80, 1, 40, null, false, 1, plannedBatch: 2000);
        Compare(100, 2, 33, null, true, 2, plannedBatch: 3, plannedSteps: 900);
    }

    private void Compare(
        int t,
        int b,
        int n,
        int[]? lengths,
        bool reverse,
        int parts,
        int plannedBatch = 0,
        int plannedSteps = 0
    )
    {
        var results = new List<float[][]>();
        foreach (Backend on in (Backend[])[Gpu, Cpu])
        {
            using DiagonalScanOperation scan = on.PlanDiagonalScan(
                new DiagonalScanDescriptor(n, Math.Max(t, plannedSteps), Math.Max(b, plannedBatch))
            );
            SequenceLayout? layout = Layout(on, t, b, lengths);
            Shape shape = layout is null ? new Shape(t, b, 2 * n) : new(layout.Rows, 1, 2 * n);
            Tensor lambda = Put(on, new Shape(n, 2), new Draw(1).Uniform(2L * n, -0.7f, 0.7f));
            Tensor dlambda = Take(on, Shape.Block(scan.LambdaGradientCount));
            DiagonalTensors parameters = Gather(Together(on, ParameterShapes(n), 30));
            Tensor[] slopes = Together(on, ParameterShapes(n), 40);
            Tensor workspace = Workspace(on, scan);
            Tensor states = Take(on, shape);
            Tensor gradient = Take(on, shape);
            ScanRange[] ranges = Ranges(t, Math.Min(parts, t), reverse);
            // Thrice, as each scan of the same operation leaves its tiles' flags for the next one.
            for (ulong pass = 0; pass < 3; pass++)
            {
                states.Write(new Draw(10 + pass).Uniform(shape.Count));
                gradient.Write(new Draw(20 + pass).Uniform(shape.Count));
                foreach (ScanRange range in ranges)
                    scan.Forward(lambda, states, layout, range, workspace);
                foreach (ScanRange range in ranges.Reverse())
                {
                    long from = Row(range.First);
                    scan.Backward(
                        lambda,
                        states,
                        layout,
                        gradient.RowRange(from, Row(range.End) - from),
                        range,
                        dlambda,
                        pass == 2,
                        workspace
                    );
                }
            }
            // What the first pass left is forgotten, what the second left is not.
            GoBack(
                on,
                parameters,
                new DiagonalMatrices(
                    scan.LambdaGradient(dlambda),
                    Put(on, new Shape(2 * n, 1), 50),
                    Put(on, new Shape(1, 2 * n), 51)
                ),
                Gather(slopes)
            );
            // What a model with another lambda does with it.
            Tensor slope = Take(on, new Shape(2 * n));
            on.Fill(slope, 0f);
            on.ColumnSum(scan.LambdaGradient(dlambda), default, slope);
            results.Add([
                states.ToArray(),
                gradient.ToArray(),
                slopes[0].ToArray(),
                slopes[1].ToArray(),
                slope.ToArray(),
            ]);

            long Row(int step) => layout?.Row(step) ?? (long)step * b;
        }
        string[] names = ["x", "du", "dnu", "dtheta", "dlambda"];
        // Of lambda's two parts, which may cancel, nu and theta each have a sum.
        for (int i = 0; i < names.Length; i++)
            Against.Cpu(
                "diagonal scan",
                names[i],
                results[0][i],
                results[1][i],
                i < 2 ? Most : 5 * Most
            );
    }

    private static Shape[] ParameterShapes(int n) =>
        [new(n), new(n), new(n), new(n, 1), new(n, 1), new(1, n), new(1, n)];

    private static void GoBack(
        Backend on,
        DiagonalTensors parameters,
        DiagonalMatrices slopes,
        DiagonalTensors gradients
    )
    {
        // The matrices themselves are not read.
        using PreparationTable? table = on.PlaceDiagonals(
            [parameters],
            [slopes],
            [slopes],
            [gradients]
        );
        on.DiagonalParametrizationGradient([parameters], [slopes], [gradients], table);
    }

    // Parameters lie in one block, and so do their gradients.
    private Tensor[] Together(Backend on, Shape[] shapes, ulong seed)
    {
        Tensor[] all = OneBlock.Split(Take(on, OneBlock.Of(shapes)), shapes);
        for (int i = 0; i < all.Length; i++)
            all[i].Write(new Draw(seed + (ulong)i).Uniform(shapes[i].Count));
        return all;
    }

    private static DiagonalTensors Gather(Tensor[] t) =>
        new(DiagonalForm.LogPolar, t[0], t[1], t[2], t[3], t[4], t[5], t[6]);

    // In the recurrence's direction.
    private static ScanRange[] Ranges(int steps, int parts, bool reverse)
    {
        IEnumerable<ScanRange> ranges = Enumerable
            .Range(0, parts)
            .Select(part => new ScanRange(
                steps * part / parts,
                steps * (part + 1) / parts - steps * part / parts,
                reverse
            ));
        return reverse ? [.. ranges.Reverse()] : [.. ranges];
    }

    [TestCase(1, 1, 1)]
    [TestCase(3, 130, 2)]
    [TestCase(257, 3, 1)]
    public void Matrices_around_the_scan_are_those_of_the_cpu(int model, int n, int directions)
    {
        Shape[] shapes =
        [
            new(n),
            new(n),
            new(n),
            new(n, model),
            new(n, model),
            new(model, directions * n),
            new(model, directions * n),
        ];
        var results = new List<float[][]>();
        foreach (Backend on in (Backend[])[Gpu, Cpu])
        {
            using DiagonalScanOperation scan = on.PlanDiagonalScan(
                new DiagonalScanDescriptor(n, 3, 2)
            );
            Tensor[] values = Together(on, shapes, 0);
            Tensor[] slopes = Together(on, shapes, 10);
            Tensor lambda = Take(on, new Shape(n, 2));
            Tensor b = Take(on, new Shape(2 * n, model));
            Tensor c = Take(on, new Shape(directions * model, 2 * n));
            DiagonalMatrices[] matrices = [new(lambda, b, c)];
            using PreparationTable? table = on.PlaceDiagonals(
                [Gather(values)],
                matrices,
                matrices,
                [Gather(slopes)]
            );
            on.DiagonalParametrization([Gather(values)], matrices, table);
            Tensor dlambda = Take(on, Shape.Block(scan.LambdaGradientCount));
            var whole = new Shape(3, 2, 2 * n);
            for (int direction = 0; direction < directions; direction++)
                scan.Backward(
                    lambda,
                    Put(on, whole, 24),
                    null,
                    Put(on, whole, 25),
                    new ScanRange(0, 3, direction > 0),
                    dlambda,
                    direction > 0,
                    Workspace(on, scan)
                );
            GoBack(
                on,
                Gather(values),
                new DiagonalMatrices(
                    scan.LambdaGradient(dlambda),
                    Put(on, b.Shape, 22),
                    Put(on, c.Shape, 23)
                ),
                Gather(slopes)
            );
            results.Add([.. ((Tensor[])[lambda, b, c, .. slopes]).Select(s => s.ToArray())]);
        }
        for (int i = 0; i < results[0].Length; i++)
            Against.Cpu("lru matrices", $"matrix {i}", results[0][i], results[1][i], 1e-6);
    }
}
