using System.Globalization;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Products of ones whose biases cuBLASLt adds or sums up: each value is the number of terms and the bias, and each sum the number of rows,
/// exactly. What cuBLASLt has no algorithm for is passed over, as plans do.
/// </summary>
internal sealed class EpiloguesOfOnes(CudaBackend gpu, ProductMath mode) : SelfCheckItem
{
    private const float Bias = 3;

    // Of layers: rows, outputs, inputs.
    private static readonly (int Rows, int Outputs, int Inputs)[] Sizes =
    [
        (19200, 24, 8),
        (4099, 17, 33),
        (768, 1, 262),
        (1, 5, 3),
    ];

    private readonly CudaEpilogues _epilogues = new(gpu, ProductEpilogue.Library);
    private readonly List<Case> _cases = [];
    private int _refused;

    public override string Name => $"biases of ones, {mode.ToString().ToLowerInvariant()}";

    public override void Load()
    {
        foreach ((int rows, int outputs, int inputs) in Sizes)
        {
            Add(CuBlasLtEpilogue.Bias, rows, outputs, inputs);
            Add(CuBlasLtEpilogue.Sums, outputs, inputs, rows);
        }
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
        return (
            true,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{_cases.Count} exact{(_refused > 0 ? $", {_refused} without an algorithm" : "")}"
            )
        );
    }

    public override void Dispose()
    {
        _epilogues.Dispose();
        foreach (Case made in _cases)
            made.Dispose();
        _cases.Clear();
    }

    private void Add(CuBlasLtEpilogue what, int m, int n, int k)
    {
        var made = new Case(gpu, _epilogues, what, m, n, k);
        if (_epilogues.Plan(made.Shape, what) is null)
        {
            _cases.Add(made);
            return;
        }
        _refused++;
        made.Dispose();
    }

    private sealed class Case : IDisposable
    {
        private readonly CudaBackend _gpu;
        private readonly CudaEpilogues _epilogues;
        private readonly bool _sums;
        private readonly MatrixProduct _product;
        private readonly Tensor _vector;
        private readonly (int M, int N, int K) _size;

        public Case(
            CudaBackend gpu,
            CudaEpilogues epilogues,
            CuBlasLtEpilogue what,
            int m,
            int n,
            int k
        )
        {
            (_gpu, _epilogues, _size) = (gpu, epilogues, (m, n, k));
            _sums = what == CuBlasLtEpilogue.Sums;
            _vector = Filled(new Shape(_sums ? m : n), Bias);
            var product = new MatrixProduct
            {
                A = Filled(_sums ? new Shape(k, m) : new Shape(m, k), 1),
                B = Filled(_sums ? new Shape(k, n) : new Shape(n, k), 1),
                C = Filled(new Shape(m, n), 0),
                TransposeA = _sums,
                TransposeB = !_sums,
            };
            _product = _sums
                ? product with
                {
                    Sums = _vector,
                    SumsAreZero = true,
                }
                : product with
                {
                    Bias = _vector,
                };
        }

        public ProductShape Shape => CudaBackend.ShapeOf(_product);

        public void Multiply()
        {
            // What is not written then cannot pass.
            _gpu.Fill(_product.C, float.NaN);
            if (_sums)
                _gpu.Fill(_vector, float.NaN);
            if (!_epilogues.TryMultiply(_product))
                throw new InvalidOperationException(
                    "A product that was planned with its epilogue was not taken."
                );
        }

        /// <summary>The first wrong value, in words; null where there is none.</summary>
        public string? Wrong() =>
            First("value", _product.C, _sums ? _size.K : _size.K + Bias)
            ?? (_sums ? First("sum", _vector, _size.K) : null);

        public void Dispose()
        {
            foreach (Tensor tensor in (Tensor[])[_product.A, _product.B, _product.C, _vector])
                tensor.Storage.Dispose();
        }

        private string? First(string what, Tensor tensor, float expected)
        {
            float[] values = tensor.ToArray();
            int at = Array.FindIndex(values, value => value != expected);
            return at < 0
                ? null
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(_sums ? "bias gradient" : "bias")} of {_size.M} x {_size.N} x {_size.K}: {what} {at} is {values[at]}, not {expected}"
                );
        }

        private Tensor Filled(Shape shape, float value)
        {
            Tensor tensor = _gpu.Allocate(shape, MemoryCategory.Workspace);
            _gpu.Fill(tensor, value);
            return tensor;
        }
    }
}
