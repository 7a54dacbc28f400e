using System.Globalization;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>A product whose bias is added, or whose factor is summed up, beside it.</summary>
/// <param name="Product">The product.</param>
/// <param name="What">What is done beside it.</param>
internal readonly record struct EpilogueShape(ProductShape Product, CuBlasLtEpilogue What)
{
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{(What == CuBlasLtEpilogue.Bias ? "bias" : "bias gradient")}, {ProductTuning.TextOf(Product)}"
        );
}

/// <summary>
/// The products whose biases cuBLASLt adds, or whose biases' gradients it sums up, within the product. Algorithms are taken when a plan is
/// made, for its largest batch; other batches, and addresses that are less aligned, go by cuBLAS and kernels. The workspace is
/// cuBLAS's, as both queue their work in one stream.
/// </summary>
internal sealed class CudaEpilogues(CudaBackend backend, ProductEpilogue? forced) : IDisposable
{
    /// <summary>Bytes that all addresses have to be multiples of; those of plans are of 256.</summary>
    public const int Alignment = 16;

    private readonly Dictionary<EpilogueShape, CuBlasLtPlan> _plans = [];

    // Why a shape goes by kernels although cuBLASLt was asked for; null where it does not, or was not.
    private readonly Dictionary<EpilogueShape, string?> _asked = [];
    private readonly Dictionary<(EpilogueShape Shape, nint Vector), CuBlasLtProduct> _products = [];
    private CuBlasLtHandle? _handle;

    /// <summary>Why there is no cuBLASLt; null where there is one.</summary>
    public string? Refusal => backend.Context.Libraries.Native.CuBlasLt.Failure?.Reason;

    /// <summary>Chooses for a product that a plan will run.</summary>
    /// <returns>Null, or why it is not as was asked for.</returns>
    public string? Plan(ProductShape product, CuBlasLtEpilogue what)
    {
        var shape = new EpilogueShape(product, what);
        if (_asked.TryGetValue(shape, out string? known))
            return known;
        // A guess that is made within a capture is not remembered, and there is nothing to choose where there is no library.
        if (backend.IsRecording || (Refusal is not null && forced != ProductEpilogue.Library))
            return null;
        string? fallback = Take(shape);
        _asked[shape] = fallback;
        return fallback;
    }

    /// <summary>Whether a product's epilogue is done within it, where its tensors lie.</summary>
    public bool Takes(in MatrixProduct product) => PlanOf(product, out _) is not null;

    /// <summary>Runs a product with its epilogue; false where cuBLAS and kernels have to. Allocates nothing but at the first time.</summary>
    public bool TryMultiply(in MatrixProduct product)
    {
        if (PlanOf(product, out EpilogueShape shape) is not { } plan)
            return false;
        Tensor vector = product.Bias.IsEmpty ? product.Sums : product.Bias;
        if (!_products.TryGetValue((shape, vector.Address), out CuBlasLtProduct? bound))
        {
            bound = plan.Bind(CudaBackend.Span(vector));
            _products.Add((shape, vector.Address), bound);
        }
        bound.Multiply(
            CudaBackend.Matrix(product.A),
            CudaBackend.Matrix(product.B),
            CudaBackend.Matrix(product.C),
            backend.CuBlas.Workspace,
            backend.Stream,
            product.Accumulate ? 1 : 0
        );
        backend.CountCalls(1);
        return true;
    }

    /// <summary>Makes an algorithm for a shape.</summary>
    /// <exception cref="CublasException">cuBLASLt has none.</exception>
    public CuBlasLtPlan Open(EpilogueShape shape)
    {
        ProductShape product = shape.Product;
        _handle ??= CuBlasLtHandle.Create(backend.Context);
        return _handle.Plan(
            new CuBlasLtShape(
                product.TransposeA,
                product.TransposeB,
                product.M,
                product.N,
                product.K,
                shape.What
            )
            {
                Compute = ComputeOf(backend.ModeOf(product)),
                Alignment = Alignment,
                MostWorkspaceBytes = backend.CuBlas.Workspace.ByteCount,
            }
        );
    }

    /// <summary>
    /// Lets go of what refers to memory that is about to be freed. It throws nothing, and may run on the finalizer thread, after finalizers
    /// of the memory, of the products here and of the backend.
    /// </summary>
    /// <param name="first">The memory's address.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="forgotten">Whether other code may be capturing a stream, so that nothing may be given back yet.</param>
    public void Forget(nint first, long bytes, bool forgotten)
    {
        if (_products.Count == 0)
            return;
        foreach (var (key, product) in _products)
            if (key.Vector >= first && key.Vector - first < bytes)
            {
                // A dictionary may be gone through while entries are removed.
                _products.Remove(key);
                if (forgotten)
                    product.DisposeLater();
                else
                    product.Dispose();
            }
    }

    public void Dispose()
    {
        foreach (CuBlasLtProduct product in _products.Values)
            product.Dispose();
        foreach (CuBlasLtPlan plan in _plans.Values)
            plan.Dispose();
        _handle?.Dispose();
        _products.Clear();
        _plans.Clear();
    }

    /// <summary>What a handle's mode is as cuBLASLt has it.</summary>
    public static cublasComputeType_t ComputeOf(cublasMath_t mode) =>
        mode switch
        {
            cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH =>
                cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32,
            cublasMath_t.CUBLAS_PEDANTIC_MATH => cublasComputeType_t.CUBLAS_COMPUTE_32F_PEDANTIC,
            _ => cublasComputeType_t.CUBLAS_COMPUTE_32F,
        };

    private string? Take(EpilogueShape shape)
    {
        if (Refusal is { } missing)
            return Fallback(shape, missing);
        string taken = backend.Tuner.Choose(
            new EpilogueTuning(backend, this, shape),
            forced is { } method ? EpilogueTuning.NameOf(method) : null
        );
        if (taken != EpilogueTuning.Library)
            return forced == ProductEpilogue.Library
                ? Fallback(shape, EpilogueTuning.WhyNot(shape)!)
                : null;
        try
        {
            _plans.Add(shape, Open(shape));
            return null;
        }
        catch (CublasException e) when (backend.Context.Lost is null)
        {
            return Fallback(shape, e.Message);
        }
    }

    private static string Fallback(EpilogueShape shape, string why) =>
        $"{shape}: by a kernel, as {why.Split('\n')[0].TrimEnd('.')}";

    private CuBlasLtPlan? PlanOf(in MatrixProduct product, out EpilogueShape shape)
    {
        shape = default;
        bool sums = !product.Sums.IsEmpty;
        // Sums replace what is there.
        if (_plans.Count == 0 || product.Bias.IsEmpty != sums || (sums && !product.SumsAreZero))
            return null;
        Tensor vector = sums ? product.Sums : product.Bias;
        shape = new EpilogueShape(
            CudaBackend.ShapeOf(product),
            sums ? CuBlasLtEpilogue.Sums : CuBlasLtEpilogue.Bias
        );
        return
            _plans.TryGetValue(shape, out CuBlasLtPlan? plan)
            && IsAligned(product.A)
            && IsAligned(product.B)
            && IsAligned(product.C)
            && IsAligned(vector)
            // A descriptor is kept by the vector's address until its memory is freed, and of other code's memory that is not told.
            && vector.Storage.IsOwned
            ? plan
            : null;
    }

    private static bool IsAligned(Tensor tensor) => tensor.Address % Alignment == 0;
}
