using Sequor.Interop;
using Sequor.Native;

namespace Sequor.FirstContact;

/// <summary>
/// Products of ones, whose every element is the number of terms, exactly, in whatever order and precision they are summed: of the
/// shapes that training steps have, in each math mode; and with biases by cuBLASLt, which adds ones or sums them up.
/// </summary>
internal sealed class OnesCheck : Check
{
    // Inputs and outputs of the layers of 70,000 parameters that `bench` has: gates, taps of the TCN, both parts of the LRU.
    private static readonly (int In, int Out)[] Layers =
    [
        (262, 262),
        (130, 520),
        (151, 453),
        (24, 24),
        (53, 106),
        (262, 1),
    ];

    private static readonly cublasMath_t[] Modes =
    [
        cublasMath_t.CUBLAS_PEDANTIC_MATH,
        cublasMath_t.CUBLAS_DEFAULT_MATH,
        cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH,
    ];

    private static readonly cublasComputeType_t[] Computes =
    [
        cublasComputeType_t.CUBLAS_COMPUTE_32F_PEDANTIC,
        cublasComputeType_t.CUBLAS_COMPUTE_32F,
        cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32,
    ];

    public override string Name => "ones";

    public override string Proves =>
        "products of ones of a step's shapes give exactly their number of terms";

    public override TimeSpan Limit => TimeSpan.FromSeconds(60);

    public override CheckOutcome Run(CheckContext context)
    {
        int rows = context.IsVirtual ? 40 : 600 * 32;
        using CudaContext cuda = CudaContext.Primary(context.Libraries.Device());
        using CudaStream stream = cuda.CreateStream();
        using CuBlasHandle blas = CuBlasHandle.Create(stream);
        long most = Layers.Max(l =>
            Math.Max((long)rows * Math.Max(l.In, l.Out), l.In * (long)l.Out)
        );
        using DeviceBuffer<float> a = cuda.Allocate<float>(most, Name);
        using DeviceBuffer<float> b = cuda.Allocate<float>(most, Name);
        using DeviceBuffer<float> c = cuda.Allocate<float>(most, Name);
        a.Span.Fill(1f, stream);
        b.Span.Fill(1f, stream);
        int products = 0;
        int epilogues = 0;
        foreach (cublasMath_t mode in Modes)
        {
            blas.MathMode = mode;
            foreach ((int inputs, int outputs) in Layers)
            {
                // Forward, the gradient by the input, and that by the weights, which has the most terms.
                string? wrong =
                    Wrong(false, rows, outputs, inputs, true)
                    ?? Wrong(false, rows, inputs, outputs, false)
                    ?? Wrong(true, outputs, inputs, rows, false);
                if (wrong is not null)
                    return CheckOutcome.Differed($"{mode}: {wrong}");
                products += 3;
            }

            string? Wrong(bool transposeA, int m, int n, int k, bool transposeB)
            {
                c.Span.Fill(float.NaN, stream);
                blas.Multiply(
                    transposeA ? new Matrix(a, k, m) : new Matrix(a, m, k),
                    transposeA,
                    transposeB ? new Matrix(b, n, k) : new Matrix(b, k, n),
                    transposeB,
                    new Matrix(c, m, n)
                );
                float[] result = c.Slice(0, (long)m * n).ToArray(stream);
                int at = Array.FindIndex(result, value => value != k);
                return at < 0
                    ? null
                    : FormattableString.Invariant(
                        $"element {at} of {m} x {n} with {k} terms is {result[at]:R}"
                    );
            }
        }
        // Without a cuBLASLt biases go by kernels, which is no difference.
        if (context.Libraries.CuBlasLt is not null)
        {
            using CuBlasLtHandle lt = CuBlasLtHandle.Create(cuda);
            foreach (cublasComputeType_t compute in Computes)
            foreach ((int inputs, int outputs) in Layers)
            {
                var forward = new CuBlasLtShape(
                    false,
                    true,
                    rows,
                    outputs,
                    inputs,
                    CuBlasLtEpilogue.Bias
                )
                {
                    Compute = compute,
                };
                var backward = new CuBlasLtShape(
                    true,
                    false,
                    outputs,
                    inputs,
                    rows,
                    CuBlasLtEpilogue.Sums
                )
                {
                    Compute = compute,
                };
                foreach (CuBlasLtShape shape in (CuBlasLtShape[])[forward, backward])
                {
                    if (Epilogue(lt, shape) is not { } wrong)
                        continue;
                    if (wrong.Length > 0)
                        return CheckOutcome.Differed($"{compute}: {wrong}");
                    epilogues++;
                }
            }
        }
        return CheckOutcome.Held(
            new Figure("products", products, ""),
            new Figure("epilogues", epilogues, "")
        );

        // Null where cuBLASLt has no algorithm, empty where all is right.
        string? Epilogue(CuBlasLtHandle lt, CuBlasLtShape shape)
        {
            CuBlasLtPlan plan;
            try
            {
                plan = lt.Plan(shape);
            }
            catch (CublasException e) when (e.Status == cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED)
            {
                return null;
            }
            using DeviceBuffer<float> vector = cuda.Allocate<float>(shape.VectorCount, Name);
            bool sums = shape.Epilogue == CuBlasLtEpilogue.Sums;
            vector.Span.Fill(sums ? float.NaN : 1f, stream);
            c.Span.Fill(float.NaN, stream);
            using (plan)
            {
                using CuBlasLtProduct product = plan.Bind(vector);
                product.Multiply(
                    sums ? new Matrix(a, shape.K, shape.M) : new Matrix(a, shape.M, shape.K),
                    sums ? new Matrix(b, shape.K, shape.N) : new Matrix(b, shape.N, shape.K),
                    new Matrix(c, shape.M, shape.N),
                    default,
                    stream
                );
                float[] result = c.Slice(0, (long)shape.M * shape.N).ToArray(stream);
                float expected = sums ? shape.K : shape.K + 1f;
                int at = Array.FindIndex(result, value => value != expected);
                if (at >= 0)
                    return FormattableString.Invariant(
                        $"element {at} of {shape} is {result[at]:R}"
                    );
                float[] beside = sums ? vector.Span.ToArray(stream) : [];
                at = Array.FindIndex(beside, value => value != shape.K);
                return at < 0
                    ? ""
                    : FormattableString.Invariant($"sum {at} of {shape} is {beside[at]:R}");
            }
        }
    }
}
