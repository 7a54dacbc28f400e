using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

[TestFixture]
public sealed class CudaPointwiseTests : CudaOperationFixture
{
    private static readonly (int Steps, int Batch)[] Rows = [(1, 1), (5, 3), (37, 1)];

    [Test]
    public void Elementwise_operations_give_the_bits_of_the_cpu(
        [Values(
            nameof(PointwiseOp.Add),
            nameof(PointwiseOp.Gelu),
            nameof(PointwiseOp.GeluGradient),
            nameof(PointwiseOp.ReluGradient),
            nameof(PointwiseOp.AddTimesRow),
            nameof(PointwiseOp.TimesRow)
        )]
            string name,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        PointwiseOp op = Enum.Parse<PointwiseOp>(name);
        foreach ((int steps, int batch) in Rows)
        {
            var shape = new Shape(steps, batch, columns);
            bool byRow = op is PointwiseOp.AddTimesRow or PointwiseOp.TimesRow;
            Pair a = Both(shape, 1, -6, 6);
            Pair b = byRow || op == PointwiseOp.Gelu ? default : Both(shape, 2, -6, 6);
            // Spatial dropout has a mask for each channel of each sequence.
            Pair row =
                op == PointwiseOp.TimesRow ? Both(new Shape(batch, columns), 3)
                : byRow ? Both(new Shape(columns), 3)
                : default;
            Pair result = Both(shape, 4);

            OnBoth(
                (backend, of) =>
                    backend.Pointwise(
                        op,
                        new PointwiseArguments
                        {
                            A = of(a),
                            B = of(b),
                            Row = of(row),
                            Out = of(result),
                        }
                    )
            );

            CheckBits(result, $"{name} of {shape}");
        }
    }

    [Test]
    public void Gates_give_the_bits_of_the_cpu(
        [Values] bool start,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach ((int steps, int batch) in Rows)
        {
            Pair a = Both(new Shape(steps, batch, columns), 1);
            Pair gates = Both(new Shape(steps, batch, 2 * columns), 2, -5, 5);
            Pair result = Both(new Shape(steps, batch, columns), 3);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pointwise(
                        PointwiseOp.Glu,
                        new PointwiseArguments
                        {
                            A = start ? of(a) : default,
                            B = of(gates),
                            Out = of(result),
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
                }
            );

            CheckBits(result, "gated");
            CheckBits(gates, "gradient of the gates");
        }
    }

    [Test]
    public void A_residual_relu_gives_the_bits_of_the_cpu(
        [Values] bool remembered,
        [Values(1, 3, 130, 257)] int columns
    )
    {
        foreach ((int steps, int batch) in Rows)
        {
            var shape = new Shape(steps, batch, columns);
            Pair a = Both(shape, 1);
            Pair sum = Both(shape, 2);
            Pair slope = Both(shape, 3);
            Pair inner = Both(shape, 4);
            Pair bits = Both(new Shape((int)PointwiseArguments.BitFloats(shape.Count)), 5);

            OnBoth(
                (backend, of) =>
                {
                    backend.Pointwise(
                        PointwiseOp.ResidualRelu,
                        new PointwiseArguments
                        {
                            A = of(a),
                            Bits = remembered ? of(bits) : default,
                            Out = of(sum),
                        }
                    );
                    if (remembered)
                        backend.Pointwise(
                            PointwiseOp.ResidualReluGradient,
                            new PointwiseArguments
                            {
                                A = of(slope),
                                B = of(sum),
                                Bits = of(bits),
                                Out = of(inner),
                            }
                        );
                }
            );

            CheckBits(sum, "sum");
            CheckBits(slope, "outer gradient");
            CheckBits(inner, "inner gradient");
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

    [Test]
    public void A_weight_norm_is_that_of_the_cpu(
        [Values(1, 3)] int rows,
        [Values(1, 3, 130, 257)] int size
    )
    {
        Pair v = Both(new Shape(rows, size), 1);
        Pair g = Both(new Shape(rows), 2, 0.5f, 2);
        Pair w = Both(new Shape(rows, size), 3);
        Pair norms = Both(new Shape(rows), 4);
        Pair dw = Both(new Shape(rows, size), 5);
        Pair dv = Both(new Shape(rows, size), 6);
        Pair dg = Both(new Shape(rows), 7);

        OnBoth(
            (backend, of) =>
            {
                backend.WeightNorm(of(v), of(g), of(w), of(norms));
                backend.WeightNormGradient(of(v), of(g), of(norms), of(dw), of(dv), of(dg));
            }
        );

        Against.Cpu("weight norm", "w", w.Gpu, w.Cpu, 1e-6);
        Against.Cpu("weight norm", "norms", norms.Gpu, norms.Cpu, 1e-6);
        Against.Cpu("weight norm", "dv", dv.Gpu, dv.Cpu, 1e-6);
        Against.Cpu("weight norm", "dg", dg.Gpu, dg.Cpu, 1e-6);
    }
}
