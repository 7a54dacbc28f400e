using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Elementwise operations, gates, column sums and weight norms of the CUDA backend against the CPU.</summary>
[TestFixture]
public sealed class CudaPointwiseTests : CudaOperationFixture
{
    private static readonly (int Steps, int Batch)[] Rows = [(1, 1), (5, 3), (37, 1)];

    [Test]
    public void Elementwise_operations_give_the_bits_of_the_cpu(
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach ((int steps, int batch) in Rows)
        {
            var shape = new Shape(steps, batch, columns);
            Pair a = Both(shape, 1, -6, 6);
            Pair b = Both(shape, 2, -6, 6);
            Pair row = Both(new Shape(columns), 3);
            Pair added = Both(shape, 4);
            Pair result = Both(shape, 5);
            Pair bent = Both(shape, 6);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pointwise(
                        PointwiseOp.Add,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(b),
                            Out = of(result),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.MultiplyAdd,
                        new PointwiseArguments
                        {
                            A = of(a),
                            Row = of(row),
                            Out = of(added),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.MultiplyAddGelu,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(b),
                            Row = of(row),
                            Out = of(bent),
                        }
                    );
                }
            );

            CheckBits(result, $"sum of {shape}");
            CheckBits(added, $"product with a row added to {shape}");
            CheckBits(b, $"the same, of {shape}");
            CheckBits(bent, $"gelu of {shape}");
        }
    }

    [Test]
    public void A_gelu_of_its_own_gives_the_bits_of_the_cpu([Values(1, 3, 130, 257)] int columns)
    {
        foreach ((int steps, int batch) in Rows)
        {
            var shape = new Shape(steps, batch, columns);
            Pair a = Both(shape, 1, -6, 6);
            Pair bent = Both(shape, 2);
            Pair gradient = Both(shape, 3);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pointwise(
                        PointwiseOp.Gelu,
                        new PointwiseArguments { A = of(a), Out = of(bent) }
                    );
                    backend.Pointwise(
                        PointwiseOp.GeluGradient,
                        new PointwiseArguments
                        {
                            A = of(gradient),
                            B = of(a),
                            Out = of(gradient),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.Gelu,
                        new PointwiseArguments { A = of(a), Out = of(a) }
                    );
                }
            );

            CheckBits(bent, $"gelu of {shape}");
            CheckBits(gradient, $"gradient of {shape}");
            CheckBits(a, $"gelu in place of {shape}");
        }
    }

    [Test]
    public void Relus_and_gradients_of_gates_give_the_bits_of_the_cpu(
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach ((int steps, int batch) in Rows)
        {
            var shape = new Shape(steps, batch, columns);
            Pair a = Both(shape, 1);
            Pair b = Both(shape, 2);
            Pair sum = Both(shape, 3);
            Pair gradient = Both(shape, 4);
            Pair gates = Both(new Shape(steps, batch, 2 * columns), 5, -5, 5);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pointwise(
                        PointwiseOp.AddRelu,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(b),
                            Out = of(sum),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.ReluGradient,
                        new PointwiseArguments
                        {
                            A = of(gradient),
                            B = of(sum),
                            Out = of(gradient),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.GluGradient,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(gates),
                            Out = of(gates),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.AddRelu,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(b),
                            Out = of(b),
                        }
                    );
                }
            );

            CheckBits(sum, $"relu of {shape}");
            CheckBits(gradient, $"its gradient of {shape}");
            CheckBits(gates, $"gradient of gates of {shape}");
            CheckBits(b, $"relu in place of {shape}");
        }
    }

    [Test]
    public void A_gated_value_and_its_gradients_are_those_of_the_cpu(
        [Values] bool start,
        [Values] bool biased,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach ((int steps, int batch) in (ReadOnlySpan<(int, int)>)[.. Rows, (700, 4)])
        {
            var shape = new Shape(steps, batch, columns);
            Pair a = Both(shape, 1);
            Pair gates = Both(shape, 2, -5, 5);
            Pair row = Both(new Shape(columns), 3);
            Pair c = Both(shape, 4, -5, 5);
            Pair result = Both(shape, 5);
            Pair sum = Both(new Shape(columns), 6);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pointwise(
                        PointwiseOp.AddGated,
                        new PointwiseArguments
                        {
                            A = start ? of(a) : default,
                            B = of(gates),
                            C = of(c),
                            Row = biased ? of(row) : default,
                            Out = of(result),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.AddGatedGradient,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(gates),
                            C = of(c),
                            Row = biased ? of(row) : default,
                            Sum = of(sum),
                            Out = of(a),
                        }
                    );
                }
            );

            CheckBits(result, $"gated {shape}");
            CheckBits(gates, $"gradient of the gates of {shape}");
            CheckBits(a, $"gradient of {shape}");
            Against.Cpu("gated", "sum", sum.Gpu, sum.Cpu, 1e-5);
        }
    }

    [Test]
    public void A_gelu_s_gradient_is_that_of_the_cpu([Values(1, 3, 130, 257)] int columns)
    {
        foreach ((int steps, int batch) in (ReadOnlySpan<(int, int)>)[.. Rows, (700, 4)])
        {
            var shape = new Shape(steps, batch, columns);
            Pair a = Both(shape, 1, -6, 6);
            Pair b = Both(shape, 2, -6, 6);
            Pair c = Both(shape, 3);
            Pair sum = Both(new Shape(columns), 4);

            OnBoth(
                (backend, of) =>
                    backend.Pointwise(
                        PointwiseOp.MultiplyAddGeluGradient,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(b),
                            C = of(c),
                            Sum = of(sum),
                            Out = of(a),
                        }
                    )
            );

            CheckBits(a, $"gradient of {shape}");
            Against.Cpu("gelu", "sum", sum.Gpu, sum.Cpu, 1e-5);
        }
    }

    [Test]
    public void Gates_are_those_of_the_cpu(
        [Values] bool start,
        [Values] bool biased,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach ((int steps, int batch) in (ReadOnlySpan<(int, int)>)[.. Rows, (700, 4)])
        {
            Pair a = Both(new Shape(steps, batch, columns), 1);
            Pair gates = Both(new Shape(steps, batch, 2 * columns), 2, -5, 5);
            Pair row = Both(new Shape(2 * columns), 3);
            Pair c = Both(new Shape(steps, batch, columns), 4, -5, 5);
            Pair result = Both(new Shape(steps, batch, columns), 5);
            Pair sum = Both(new Shape(2 * columns), 6);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pointwise(
                        PointwiseOp.AddGlu,
                        new PointwiseArguments
                        {
                            A = start ? of(a) : default,
                            B = of(gates),
                            Row = biased ? of(row) : default,
                            Out = of(result),
                        }
                    );
                    backend.Pointwise(
                        PointwiseOp.AddGluGradientAndGelu,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(gates),
                            C = of(c),
                            Row = biased ? of(row) : default,
                            Sum = of(sum),
                            Out = of(a),
                        }
                    );
                }
            );

            CheckBits(result, "gated");
            CheckBits(gates, "gradient of the gates");
            CheckBits(a, "gelu beside it");
            Against.Cpu("glu", "sum", sum.Gpu, sum.Cpu, 1e-5);
        }
    }

    [Test]
    public void Weighted_columns_are_summed(
        [Values] bool weighted,
        [Values(1, 3, 4000)] int rows,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        Pair a = Both(new Shape(rows, columns), 1);
        Pair b = weighted ? Both(new Shape(rows, columns), 2) : default;
        Pair sum = Both(new Shape(columns), 3);
        float[] left = a.Cpu.ToArray();
        float[] right = weighted ? b.Cpu.ToArray() : [];
        double[] expected = [.. sum.Cpu.ToArray().Select(v => (double)v)];
        for (int i = 0; i < left.Length; i++)
            expected[i % columns] += 2.0 * left[i] * (weighted ? right[i] : 1.0);

        // Twice: the counters of blocks are to be left as they were found.
        for (int i = 0; i < 2; i++)
            Gpu.ColumnSum(a.Gpu, b.Gpu, sum.Gpu);

        Close.Check(sum.Gpu.ToArray(), expected, 1e-6, "sum");
    }

    // Outputs, inputs, taps; of them newest taps that have a gradient.
    [TestCase(1, 1, 1, 1)]
    [TestCase(3, 1, 3, 2)]
    [TestCase(2, 130, 1, 1)]
    [TestCase(3, 257, 4, 4)]
    [TestCase(5, 3, 8, 1)]
    public void Weight_norms_are_those_of_the_cpu(int outputs, int inputs, int taps, int live)
    {
        // Neighbours differ in their steps, so that each is a launch of its own.
        int Live(int n) => live + n % 2;
        foreach (int count in (int[])[1, 2, 3])
        {
            // Each of a size of its own; v, g, w, norms and the gradients of w, v and g.
            Shape[] shapes =
            [
                .. Enumerable
                    .Range(0, count)
                    .Select(n => new Shape(outputs + n, inputs + 2 * n, taps + n)),
            ];
            Pair[] parameters = Together([
                .. shapes.SelectMany(
                    (shape, n) => Drawn(shape, 1 + 10 * (ulong)n, from: 0.5f, to: 2f)
                ),
            ]);
            Pair[] gradients = Together([
                .. shapes.SelectMany((shape, n) => Drawn(shape, 6 + 10 * (ulong)n)),
            ]);
            var filters = new List<Pair[]>();
            for (int n = 0; n < count; n++)
            {
                Shape filter = shapes[n];
                ulong seed = 10 * (ulong)n;
                Pair dw = Both(filter, 5 + seed);
                float[] slopes = dw.Cpu.ToArray();
                for (int i = 0; i < slopes.Length; i++)
                    slopes[i] = i % (taps + n) < taps + n - Live(n) ? 0f : slopes[i];
                dw.Cpu.Write(slopes);
                float[] read = Filters.For(Gpu, slopes, filter);
                // What is not live is not read.
                for (int i = 0; i < read.Length; i++)
                    read[i] =
                        i / (inputs + 2 * n) % (taps + n) < taps + n - Live(n)
                            ? float.NaN
                            : read[i];
                dw.Gpu.Write(read);
                filters.Add([
                    parameters[2 * n],
                    parameters[2 * n + 1],
                    Both(filter, 3 + seed),
                    Both(new Shape(outputs + n), 4 + seed),
                    dw,
                    gradients[2 * n],
                    gradients[2 * n + 1],
                ]);
            }

            OnBoth(
                (backend, of) =>
                {
                    WeightNormTensors[] norms =
                    [
                        .. filters.Select(f => new WeightNormTensors(
                            of(f[0]),
                            of(f[1]),
                            of(f[2]),
                            of(f[3]),
                            1
                        )),
                    ];
                    // As many steps as there are taps that reach them.
                    WeightNormGradients[] slopes =
                    [
                        .. filters.Select(
                            (f, n) => new WeightNormGradients(of(f[4]), Live(n), of(f[5]), of(f[6]))
                        ),
                    ];
                    using PreparationTable? table = backend.PlaceWeightNorms(norms, slopes);
                    backend.WeightNorm(norms, table);
                    backend.WeightNormGradient(norms, slopes, table);
                }
            );

            foreach (Pair[] f in filters)
            {
                Shape shape = f[0].Cpu.Shape;
                float[] w = Filters.From(Gpu, f[2].Gpu.ToArray(), shape, shape[2]);
                Against.Cpu("weight norm", "w", w, f[2].Cpu.ToArray(), 1e-6);
                Against.Cpu("weight norm", "norms", f[3].Gpu, f[3].Cpu, 1e-6);
                Against.Cpu("weight norm", "dv", f[5].Gpu, f[5].Cpu, 1e-6);
                Against.Cpu("weight norm", "dg", f[6].Gpu, f[6].Cpu, 1e-6);
            }
        }
    }

    private static (Shape, float[])[] Drawn(
        Shape filter,
        ulong seed,
        float from = -1f,
        float to = 1f
    )
    {
        var gains = new Shape(filter.First);
        return
        [
            (filter, new Draw(seed).Uniform(filter.Count)),
            (gains, new Draw(seed + 1).Uniform(gains.Count, from, to)),
        ];
    }
}
