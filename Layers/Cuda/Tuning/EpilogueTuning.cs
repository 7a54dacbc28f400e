using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Chooses whether a kernel adds a product's bias and sums up its gradient, or cuBLASLt within the product. The operands are small whole
/// numbers, of which both give the same bits.
/// </summary>
internal sealed class EpilogueTuning(
    CudaBackend backend,
    CudaEpilogues epilogues,
    EpilogueShape shape
) : TuningTask
{
    /// <summary>The kind of these choices.</summary>
    public const string Name = "epilogue";

    /// <summary>The candidate by cuBLASLt.</summary>
    public const string Library = "library";

    private const string Kernels = "kernels";

    private MatrixProduct _product;

    public override string Kind => Name;

    public override string Shape => shape.ToString();

    public override string? OnlyBecause => WhyNot(shape);

    public override string Plainest => Kernels;

    public override IReadOnlyList<string> Candidates =>
        OnlyBecause is null ? [Kernels, Library] : [Kernels];

    /// <summary>Why kernels are the only way; null where there is a choice.</summary>
    public static string? WhyNot(EpilogueShape shape) =>
        shape.Product.K > ProductTuning.MostTerms
            ? "sums of so many terms cannot be compared exactly"
            : null;

    public static string NameOf(ProductEpilogue epilogue) =>
        epilogue == ProductEpilogue.Library ? Library : Kernels;

    public override void Prepare(TuningMemory memory)
    {
        ProductShape p = shape.Product;
        Tensor c = memory.Room(new Shape(p.M, p.N));
        _product = new MatrixProduct
        {
            A = memory.Whole(p.TransposeA ? new Shape(p.K, p.M) : new Shape(p.M, p.K)),
            B = memory.Whole(p.TransposeB ? new Shape(p.N, p.K) : new Shape(p.K, p.N)),
            C = c,
            TransposeA = p.TransposeA,
            TransposeB = p.TransposeB,
        };
        if (shape.What == CuBlasLtEpilogue.Bias)
        {
            _product = _product with { Bias = memory.Whole(new Shape(p.N)) };
            Outputs = [new TuningOutput("the product", c, 0)];
            return;
        }
        // As in training: the weights' gradient is added to what is there.
        Tensor sums = memory.Room(new Shape(p.M));
        _product = _product with { Sums = sums, SumsAreZero = true, Accumulate = true };
        Outputs =
        [
            new TuningOutput("the product", c, 0, IsSum: true),
            new TuningOutput("the bias's gradient", sums, 0, IsSum: true),
        ];
    }

    public override TuningTrial Open(string candidate) =>
        candidate == Library ? new ByLibrary(this) : new ByKernels(this);

    private sealed class ByKernels(EpilogueTuning task) : TuningTrial
    {
        public override void Run(Tensor workspace, Tensor reserve) =>
            task.Backend.MultiplyByKernels(task._product);
    }

    private sealed class ByLibrary : TuningTrial
    {
        private readonly EpilogueTuning _task;
        private readonly CuBlasLtPlan _plan;
        private readonly CuBlasLtProduct _bound;

        public ByLibrary(EpilogueTuning task)
        {
            _task = task;
            MatrixProduct product = task._product;
            _plan = task.Epilogues.Open(task.Sizes);
            try
            {
                _bound = _plan.Bind(
                    CudaBackend.Span(product.Bias.IsEmpty ? product.Sums : product.Bias)
                );
            }
            catch
            {
                _plan.Dispose();
                throw;
            }
        }

        public override void Run(Tensor workspace, Tensor reserve) =>
            _bound.Multiply(
                CudaBackend.Matrix(_task._product.A),
                CudaBackend.Matrix(_task._product.B),
                CudaBackend.Matrix(_task._product.C),
                _task.Backend.CuBlas.Workspace,
                _task.Backend.Stream,
                _task._product.Accumulate ? 1 : 0
            );

        public override void Dispose()
        {
            _bound.Dispose();
            _plan.Dispose();
            base.Dispose();
        }
    }

    private CudaBackend Backend => backend;

    private CudaEpilogues Epilogues => epilogues;

    private EpilogueShape Sizes => shape;
}
