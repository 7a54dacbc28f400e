using System.Globalization;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>A product's sizes: C [M, N] = op(A) op(B), with sums of K terms.</summary>
internal readonly record struct ProductShape(bool TransposeA, bool TransposeB, int M, int N, int K);

/// <summary>Chooses cuBLAS's mode for a product's shape. The operands are small whole numbers, of which all modes give the same bits.</summary>
internal sealed class ProductTuning(CudaBackend backend, ProductShape shape) : TuningTask
{
    /// <summary>The kind of these choices.</summary>
    public const string Name = "math";

    // Sums of products of up to 4 stay below 2^24.
    public const int MostTerms = 1 << 22;

    private Matrix _a;
    private Matrix _b;
    private Matrix _c;

    public override string Kind => Name;

    public override string Shape => TextOf(shape);

    /// <summary>A shape as choices are kept by it.</summary>
    public static string TextOf(ProductShape shape) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{(shape.TransposeA ? 't' : 'n')}{(shape.TransposeB ? 't' : 'n')} {shape.M} x {shape.N} x {shape.K}"
        );

    public override string? OnlyBecause =>
        shape.K > MostTerms ? "sums of so many terms cannot be compared exactly" : null;

    public override string Plainest => "pedantic";

    public override IReadOnlyList<string> Candidates =>
        OnlyBecause is not null ? [FirstGuess(backend.Math)]
        : backend.Math == FloatMath.Tf32 ? ["tf32", "default", "pedantic"]
        : ["default", "pedantic"];

    /// <summary>What is taken where nothing is known: what PyTorch takes.</summary>
    public static string FirstGuess(FloatMath math) => math == FloatMath.Tf32 ? "tf32" : "default";

    public static string NameOf(ProductMath math) =>
        math switch
        {
            ProductMath.Default => "default",
            ProductMath.Pedantic => "pedantic",
            _ => "tf32",
        };

    public static cublasMath_t ModeOf(string name) =>
        name switch
        {
            "tf32" => cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH,
            "pedantic" => cublasMath_t.CUBLAS_PEDANTIC_MATH,
            _ => cublasMath_t.CUBLAS_DEFAULT_MATH,
        };

    public override void Prepare(TuningMemory memory)
    {
        _a = CudaBackend.Matrix(
            memory.Whole(
                shape.TransposeA ? new Shape(shape.K, shape.M) : new Shape(shape.M, shape.K)
            )
        );
        _b = CudaBackend.Matrix(
            memory.Whole(
                shape.TransposeB ? new Shape(shape.N, shape.K) : new Shape(shape.K, shape.N)
            )
        );
        Tensor c = memory.Room(new Shape(shape.M, shape.N));
        _c = CudaBackend.Matrix(c);
        Outputs = [new TuningOutput("the product", c, 0)];
    }

    public override TuningTrial Open(string candidate) => new Trial(this, ModeOf(candidate));

    private CuBlasHandle Handle => backend.CuBlas;

    private ProductShape Sizes => shape;

    private sealed class Trial(ProductTuning task, cublasMath_t mode) : TuningTrial
    {
        public override void Run(Tensor workspace, Tensor reserve)
        {
            task.Handle.MathMode = mode;
            task.Handle.Multiply(
                task._a,
                task.Sizes.TransposeA,
                task._b,
                task.Sizes.TransposeB,
                task._c
            );
        }
    }
}
