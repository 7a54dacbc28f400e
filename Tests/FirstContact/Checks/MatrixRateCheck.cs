using System.Diagnostics;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.FirstContact;

/// <summary>How fast the GPU multiplies large matrices, in float32 and in TF32.</summary>
internal sealed class MatrixRateCheck : Check
{
    private const int Repeats = 10;

    public override string Name => "matrix-rate";

    public override string Proves => "the speed of large products, which floors are counted by";

    public override TimeSpan Limit => TimeSpan.FromSeconds(30);

    public override CheckOutcome Run(CheckContext context)
    {
        int size = context.IsVirtual ? 32 : 4096;
        using CudaContext cuda = CudaContext.Primary(context.Libraries.Device());
        using CudaStream stream = cuda.CreateStream();
        using CuBlasHandle blas = CuBlasHandle.Create(stream);
        using DeviceBuffer<float> a = cuda.Allocate<float>((long)size * size, Name);
        using DeviceBuffer<float> b = cuda.Allocate<float>((long)size * size, Name);
        a.Span.Fill(1f, stream);
        var figures = new List<Figure>();
        foreach (
            (cublasMath_t mode, string name) in new[]
            {
                (cublasMath_t.CUBLAS_PEDANTIC_MATH, "pedantic"),
                (cublasMath_t.CUBLAS_DEFAULT_MATH, "default"),
                (cublasMath_t.CUBLAS_TF32_TENSOR_OP_MATH, "TF32"),
            }
        )
        {
            blas.MathMode = mode;
            Clocks.WarmUp(Multiply, context.IsVirtual);
            double best = double.PositiveInfinity;
            for (int i = 0; i < Repeats; i++)
            {
                long start = Stopwatch.GetTimestamp();
                Multiply();
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
            figures.Add(new(name, 2e-12 * size * size * size / best, "TFLOP/s"));
        }
        figures.AddRange(Clocks.Read(context.Libraries, "warm"));
        float first = b.Slice(0, 1).ToArray(stream)[0];
        return first == size
            ? CheckOutcome.Held([.. figures])
            : CheckOutcome.Differed(
                FormattableString.Invariant($"a product of {size} ones is {first:R}")
            );

        void Multiply()
        {
            blas.Multiply(
                new Matrix(a, size, size),
                false,
                new Matrix(a, size, size),
                false,
                new Matrix(b, size, size)
            );
            stream.Synchronize();
        }
    }
}
