using System.Globalization;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Products of matrices of ones. Each sum over K is exactly K in any order and in any arithmetic that the GPU has, so a tail of K
/// that is dropped, or a part that is added twice, shows by a whole number.
/// </summary>
internal sealed class ProductsOfOnes(CudaBackend gpu, ProductMath mode) : SelfCheckItem
{
    // Rows, columns and the length of the sums as training has them: a layer's products and, with long sums, their gradients by
    // the weights. Odd ones among them, since libraries have other kernels for these.
    private static readonly (int M, int N, int K)[] Sizes =
    [
        (1, 1, 19200),
        (8, 24, 19200),
        (33, 17, 4099),
        (768, 24, 24),
        (130, 67, 65),
        (3, 256, 512),
    ];

    private readonly List<Case> _cases = [];

    public override string Name => $"products of ones, {mode.ToString().ToLowerInvariant()}";

    public override void Load()
    {
        foreach ((int m, int n, int k) in Sizes)
        foreach (bool transposeA in (bool[])[false, true])
        foreach (bool transposeB in (bool[])[false, true])
            // Both together are not offered.
            if (!(transposeA && transposeB))
                _cases.Add(new Case(gpu, m, n, k, transposeA, transposeB));
        foreach (Case made in _cases)
            made.Multiply();
        gpu.Synchronize();
    }

    public override (bool Passed, string Detail) Run()
    {
        foreach (Case made in _cases)
        {
            made.Multiply();
            if (made.Wrong() is { } wrong)
                return (false, wrong);
        }
        return (true, string.Create(CultureInfo.InvariantCulture, $"{_cases.Count} exact"));
    }

    public override void Dispose()
    {
        foreach (Case made in _cases)
            made.Dispose();
        _cases.Clear();
    }

    private sealed class Case : IDisposable
    {
        private readonly (int M, int N, int K) _size;
        private readonly MatrixProduct _product;
        private readonly float[] _result;

        public Case(CudaBackend gpu, int m, int n, int k, bool transposeA, bool transposeB)
        {
            _size = (m, n, k);
            _result = new float[m * n];
            _product = new MatrixProduct
            {
                A = Ones(gpu, transposeA ? new Shape(k, m) : new Shape(m, k)),
                B = Ones(gpu, transposeB ? new Shape(n, k) : new Shape(k, n)),
                C = gpu.Allocate(new Shape(m, n), MemoryCategory.Workspace),
                TransposeA = transposeA,
                TransposeB = transposeB,
            };
        }

        public void Multiply()
        {
            // What is not written then cannot pass.
            _product.C.Backend.Fill(_product.C, float.NaN);
            _product.C.Backend.MatMul(_product);
        }

        /// <summary>The first wrong value, in words; null where there is none.</summary>
        public string? Wrong()
        {
            _product.C.Read(_result);
            (int m, int n, int k) = _size;
            int at = Array.FindIndex(_result, value => value != k);
            return at < 0
                ? null
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"[{m}, {k}]{(_product.TransposeA ? " transposed" : "")} times [{k}, {n}]{(_product.TransposeB ? " transposed" : "")}: value [{at / n}, {at % n}] is {_result[at]}, not {k}"
                );
        }

        public void Dispose()
        {
            _product.A.Storage.Dispose();
            _product.B.Storage.Dispose();
            _product.C.Storage.Dispose();
        }

        private static Tensor Ones(CudaBackend gpu, Shape shape)
        {
            Tensor ones = gpu.Allocate(shape, MemoryCategory.Workspace);
            gpu.Fill(ones, 1);
            return ones;
        }
    }
}
