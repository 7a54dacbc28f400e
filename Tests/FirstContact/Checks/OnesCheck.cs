using Sequor.Interop;
using Sequor.Native;

namespace Sequor.FirstContact;

/// <summary>
/// Products of ones, whose every element is the number of terms, exactly, in whatever order and precision they are summed: of the
/// shapes that training steps have, in each math mode.
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
        return CheckOutcome.Held(new Figure("products", products, ""));
    }
}
