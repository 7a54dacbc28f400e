using System.Numerics;

namespace Sequor.Layers.Cpu;

// The matrices around a diagonal scan, and their gradients.
internal sealed unsafe partial class CpuBackend
{
    private protected override void DiagonalParametrizationCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices,
        PreparationTable? table
    )
    {
        for (int i = 0; i < parameters.Length; i++)
            MakeMatrices(parameters[i], matrices[i]);
    }

    private protected override void DiagonalParametrizationGradientCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients,
        PreparationTable? table
    )
    {
        for (int i = 0; i < parameters.Length; i++)
            AddGradients(parameters[i], slopes[i], gradients[i]);
    }

    private static void MakeMatrices(in DiagonalTensors parameters, in DiagonalMatrices matrices)
    {
        float* lambda = Pointer(matrices.Lambda);
        float* fromReal = Pointer(parameters.BReal);
        float* fromImaginary = Pointer(parameters.BImaginary);
        float* b = Pointer(matrices.B);
        int n = matrices.Lambda.Shape.First;
        int d = matrices.B.Shape.Columns;
        for (int i = 0; i < n; i++)
        {
            DiagonalState state = State(parameters, i);
            lambda[2 * i] = (float)state.Lambda.Real;
            lambda[2 * i + 1] = (float)state.Lambda.Imaginary;
            float gain = (float)state.Factor.Real;
            float turn = (float)state.Factor.Imaginary;
            float* real = b + 2L * i * d;
            for (int j = 0; j < d; j++)
            {
                float re = fromReal[(long)i * d + j];
                float im = fromImaginary[(long)i * d + j];
                real[j] = gain * re;
                real[d + j] = gain * im;
                if (turn == 0)
                    continue;
                real[j] = MathF.FusedMultiplyAdd(-turn, im, real[j]);
                real[d + j] = MathF.FusedMultiplyAdd(turn, re, real[d + j]);
            }
        }
        float* cReal = Pointer(parameters.CReal);
        float* cImaginary = Pointer(parameters.CImaginary);
        float* to = Pointer(matrices.C);
        float factor = parameters.Form.OutputFactor();
        int directions = matrices.C.Shape.First / d;
        for (int direction = 0; direction < directions; direction++)
        {
            for (int row = 0; row < d; row++)
            {
                long from = ((long)row * directions + direction) * n;
                for (int i = 0; i < n; i++)
                {
                    *to++ = factor * cReal[from + i];
                    *to++ = -factor * cImaginary[from + i];
                }
            }
        }
    }

    private static void AddGradients(
        in DiagonalTensors parameters,
        in DiagonalMatrices matrices,
        in DiagonalTensors gradients
    )
    {
        int n = matrices.Lambda.Shape.Columns / 2;
        int d = matrices.B.Shape.Columns;
        float* byScale = Pointer(gradients.Scale);
        for (int i = 0; i < n; i++)
        {
            DiagonalState state = State(parameters, i);
            var byLambda = new Complex(
                SumColumn(matrices.Lambda, 2 * i),
                SumColumn(matrices.Lambda, 2 * i + 1)
            );
            Complex byFactor = InputGradient(parameters, matrices, gradients, i, state.Factor);
            (double decay, double frequency, double scale) = state.Gradient(byLambda, byFactor);
            Pointer(gradients.Decay)[i] += (float)decay;
            Pointer(gradients.Frequency)[i] += (float)frequency;
            if (byScale != null)
                byScale[i] += (float)scale;
        }
        float* from = Pointer(matrices.C);
        float* dcReal = Pointer(gradients.CReal);
        float* dcImaginary = Pointer(gradients.CImaginary);
        float factor = parameters.Form.OutputFactor();
        int directions = matrices.C.Shape.First / d;
        for (int direction = 0; direction < directions; direction++)
        {
            for (int row = 0; row < d; row++)
            {
                long to = ((long)row * directions + direction) * n;
                for (int i = 0; i < n; i++)
                {
                    dcReal[to + i] += factor * *from++;
                    dcImaginary[to + i] -= factor * *from++;
                }
            }
        }
    }

    // Adds to the gradient of a state's row of B, and returns that of its factor.
    private static Complex InputGradient(
        in DiagonalTensors parameters,
        in DiagonalMatrices matrices,
        in DiagonalTensors gradients,
        int state,
        Complex factor
    )
    {
        int d = matrices.B.Shape.Columns;
        float gain = (float)factor.Real;
        float turn = (float)factor.Imaginary;
        float* slope = Pointer(matrices.B) + 2L * state * d;
        float* real = Pointer(parameters.BReal) + (long)state * d;
        float* imaginary = Pointer(parameters.BImaginary) + (long)state * d;
        float* dReal = Pointer(gradients.BReal) + (long)state * d;
        float* dImaginary = Pointer(gradients.BImaginary) + (long)state * d;
        double same = 0;
        double crossed = 0;
        for (int j = 0; j < d; j++)
        {
            dReal[j] += gain * slope[j];
            dImaginary[j] += gain * slope[d + j];
            same += (double)real[j] * slope[j] + (double)imaginary[j] * slope[d + j];
            if (!parameters.Form.IsSampled())
                continue;
            dReal[j] = MathF.FusedMultiplyAdd(turn, slope[d + j], dReal[j]);
            dImaginary[j] = MathF.FusedMultiplyAdd(-turn, slope[j], dImaginary[j]);
            crossed += (double)real[j] * slope[d + j] - (double)imaginary[j] * slope[j];
        }
        return new Complex(same, crossed);
    }

    private static DiagonalState State(in DiagonalTensors parameters, int i)
    {
        float* scale = Pointer(parameters.Scale);
        return DiagonalState.Of(
            parameters.Form,
            Pointer(parameters.Decay)[i],
            Pointer(parameters.Frequency)[i],
            scale == null ? 0f : scale[i]
        );
    }

    private static double SumColumn(Tensor matrix, int column)
    {
        float* value = Pointer(matrix) + column;
        double sum = *value;
        for (long row = 1; row < matrix.Shape.Rows; row++)
            sum += *(value += matrix.Shape.Columns);
        return sum;
    }
}
