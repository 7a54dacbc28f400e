using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

// Which way of computing is taken where there are several.
public sealed partial class CudaBackend
{
    // Of shapes that a plan will multiply at its largest; others take the first guess.
    private readonly Dictionary<ProductShape, cublasMath_t> _modes = [];
    private readonly CudaEpilogues _epilogues;
    private cublasMath_t _mode;

    /// <inheritdoc/>
    public override IReadOnlyList<CudaChoice> Choices => Tuner.Chosen;

    internal Tuner Tuner { get; }

    internal override void BeginPlan() => Tuner.BeginPlan();

    internal override bool ChoosesByRule() => Tuner.GuessForPlan();

    internal override void EndPlan() => Tuner.EndPlan();

    internal override string? PlanProduct(in MatrixProduct product)
    {
        ProductShape shape = ShapeOf(product);
        PlanProduct(shape);
        return !product.Bias.IsEmpty ? _epilogues.Plan(shape, CuBlasLtEpilogue.Bias)
            : !product.Sums.IsEmpty ? _epilogues.Plan(shape, CuBlasLtEpilogue.Sums)
            : null;
    }

    internal override bool JoinsSums(in MatrixProduct product) => _epilogues.Takes(product);

    /// <summary>The sizes of a product of tensors.</summary>
    internal static ProductShape ShapeOf(in MatrixProduct product)
    {
        Shape c = product.C.Shape;
        Shape a = product.A.Shape;
        return new ProductShape(
            product.TransposeA,
            product.TransposeB,
            checked((int)c.Rows),
            c.Columns,
            product.TransposeA ? checked((int)a.Rows) : a.Columns
        );
    }

    /// <summary>Chooses the mode for a product's shape.</summary>
    internal void PlanProduct(ProductShape shape)
    {
        // A guess that is made within a capture is not remembered.
        if (_modes.ContainsKey(shape) || IsRecording)
            return;
        string taken = Tuner.Choose(
            new ProductTuning(this, shape),
            _options.Products is { } forced ? ProductTuning.NameOf(forced) : null
        );
        _modes[shape] = ProductTuning.ModeOf(taken);
    }

    /// <summary>Has a product of a shape take the mode of another one, which it differs from in its rows alone.</summary>
    internal void PlanProductLike(ProductShape shape, ProductShape like)
    {
        if (_modes.TryGetValue(like, out cublasMath_t mode))
            _modes.TryAdd(shape, mode);
    }

    /// <summary>C = op(A) op(B), plus C where beta is 1, in the mode that was chosen for the shape. Allocates nothing.</summary>
    internal void Multiply(
        in Matrix a,
        bool transposeA,
        in Matrix b,
        bool transposeB,
        in Matrix c,
        float beta
    )
    {
        var shape = new ProductShape(
            transposeA,
            transposeB,
            c.Rows,
            c.Columns,
            transposeA ? a.Rows : a.Columns
        );
        // cuBLAS is told only where it is another mode than before.
        CuBlas.MathMode = ModeOf(shape);
        CuBlas.Multiply(a, transposeA, b, transposeB, c, beta: beta);
        CountCalls(1);
    }

    /// <summary>The mode that a product of a shape is run in; the first guess where it was not planned.</summary>
    internal cublasMath_t ModeOf(ProductShape shape) =>
        _modes.TryGetValue(shape, out cublasMath_t mode) ? mode : _mode;

    /// <summary>The way of computing a recurrent network, by its name.</summary>
    internal string Choose(in RecurrentDescriptor descriptor) =>
        Tuner.Choose(
            new RecurrentTuning(this, descriptor),
            _options.Recurrent is { } forced ? RecurrentAlgorithms.NameOf(forced) : null
        );

    /// <summary>Warps of a tile of a scan, 0 where time is not split; null where the rule is to say it for each batch.</summary>
    internal int? Choose(in DiagonalScanDescriptor descriptor)
    {
        var task = new ScanTuning(this, descriptor);
        string? forced = _options.Scan is { } method ? ScanTuning.NameOf(method) : null;
        string taken = Tuner.Choose(task, forced);
        // The rule knows smaller batches better than what is best for the largest one.
        return forced is null && taken == task.Candidates[0] ? null : ScanTuning.WarpsOf(taken);
    }

    private ConvolutionOperation Make(in ConvolutionDescriptor descriptor)
    {
        CudaConvolution.PlanProducts(this, descriptor);
        string taken = Tuner.Choose(
            new ConvolutionTuning(this, descriptor),
            ConvolutionMethod is { } forced ? ConvolutionTuning.NameOf(forced) : null
        );
        // What cuDNN's engines refuse of what was forced is told, and computed as products.
        return ConvolutionTuning.MethodOf(taken) == Layers.ConvolutionMethod.CuDnn
            ? CudaGraphConvolution.OrProducts(this, descriptor)
            : ConvolutionTuning.Make(this, descriptor, taken);
    }

    private static void Require<T>(T? forced, string what, string argument)
        where T : struct, Enum
    {
        if (forced is { } value && !Enum.IsDefined(value))
            throw new ArgumentOutOfRangeException(
                argument,
                value,
                $"{what} must be one of {string.Join(", ", Enum.GetNames<T>())}."
            );
    }
}
