using BenchmarkDotNet.Attributes;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// Matrix products: those of the papers' layers, and DeepBench's training set (github.com/baidu-research/DeepBench,
/// code/kernels/gemm_problems.h), a shape of each group. DeepBench's matrices lie column after column, ours row after row, so that its
/// product of m, n, k is one of n, m, k here with the factors in the other order. A CPU leaves out what has more than 1e11 operations.
/// </summary>
public class ProductSuite : Suite
{
    private MatrixProduct _product;

    /// <summary>The product.</summary>
    [ParamsSource(nameof(Shapes))]
    public ProductShape Shape { get; set; } = null!;

    /// <summary>The products.</summary>
    public static IEnumerable<ProductShape> Shapes =>
        (
            (IEnumerable<ProductShape>)
                [
                    // A tap of the paper's TCN for the adding problem; gates of its LSTM; the LRU's two projections for sCIFAR.
                    new("tcn-tap", 19200, 24, 24, false, true),
                    new("lstm-gates", 19200, 520, 130, false, true),
                    new("lru-in", 51200, 768, 512, false, true),
                    new("lru-out", 51200, 512, 768, false, true),
                    // The gradient of its weights, over all rows.
                    new("lru-weights", 768, 512, 51200, true, false),
                    DeepBench(1760, 16, 1760, false, false),
                    DeepBench(1760, 128, 1760, true, false),
                    DeepBench(2048, 32, 2048, false, false),
                    DeepBench(2560, 64, 2560, true, false),
                    DeepBench(4096, 16, 4096, false, false),
                    DeepBench(1760, 7000, 1760, false, false),
                    DeepBench(2560, 7133, 2560, false, true),
                    DeepBench(35, 8457, 2560, false, false),
                    DeepBench(5124, 9124, 2560, false, false),
                    DeepBench(7680, 32, 2560, false, false),
                    DeepBench(3072, 128, 1024, true, false),
                    DeepBench(3072, 7435, 1024, false, true),
                    DeepBench(512, 8, 500000, false, false),
                    DeepBench(1024, 16, 500000, true, false),
                    DeepBench(1024, 700, 512, false, false),
                    DeepBench(3072, 24000, 1024, false, false),
                    DeepBench(6144, 48000, 2048, true, false),
                    DeepBench(1024, 24000, 1536, false, false),
                    DeepBench(512, 16, 512, false, true),
                ]
        ).Where(shape => SuiteDevice.Takes(shape.Flops));

    [GlobalSetup]
    public void SetUp()
    {
        (int m, int n, int k) = (Shape.Rows, Shape.Columns, Shape.Inner);
        _product = new MatrixProduct
        {
            A = Draw(Shape.TransposeA ? new Shape(k, m) : new Shape(m, k), seed: 1),
            B = Draw(Shape.TransposeB ? new Shape(n, k) : new Shape(k, n), seed: 2),
            C = Take(new Shape(m, n)),
            TransposeA = Shape.TransposeA,
            TransposeB = Shape.TransposeB,
        };
        Backend.BeginPlan();
        Backend.PlanProduct(_product);
        Backend.EndPlan();
        Measure(() => Backend.MatMul(_product));
    }

    /// <summary>C = op(A) op(B).</summary>
    [Benchmark]
    public void Product() => Run();

    private static ProductShape DeepBench(int m, int n, int k, bool a, bool b) =>
        new("deepbench", n, m, k, b, a);
}

/// <summary>The sizes of a product of row-major matrices.</summary>
/// <param name="Name">The layer or collection that the sizes are of.</param>
/// <param name="Rows">Rows of the result.</param>
/// <param name="Columns">Columns of the result.</param>
/// <param name="Inner">What is summed over.</param>
/// <param name="TransposeA">Whether the first factor lies transposed.</param>
/// <param name="TransposeB">Whether the second factor lies transposed.</param>
public sealed record ProductShape(
    string Name,
    int Rows,
    int Columns,
    int Inner,
    bool TransposeA,
    bool TransposeB
)
{
    /// <summary>Two operations for each product that is summed.</summary>
    public double Flops => 2.0 * Rows * Columns * Inner;

    /// <summary>As in lru-in 51200x512 * 512x768 nt.</summary>
    public override string ToString() =>
        FormattableString.Invariant(
            $"{Name} {Rows}x{Inner} * {Inner}x{Columns} {(TransposeA ? "t" : "n")}{(TransposeB ? "t" : "n")}"
        );
}
