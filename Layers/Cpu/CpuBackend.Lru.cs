namespace Sequor.Layers.Cpu;

// The matrices around an LRU's scan, and their gradients. They are computed in double precision, as an error in the phase of lambda grows
// with the number of steps.
internal sealed unsafe partial class CpuBackend
{
    private protected override void LruParametrizationCore(
        in LruTensors parameters,
        in LruMatrices matrices
    )
    {
        float* nu = Pointer(parameters.NuLog);
        float* theta = Pointer(parameters.ThetaLog);
        float* gammas = Pointer(parameters.GammaLog);
        float* lambda = Pointer(matrices.Lambda);
        float* fromReal = Pointer(parameters.BReal);
        float* fromImaginary = Pointer(parameters.BImaginary);
        float* b = Pointer(matrices.B);
        int n = matrices.Lambda.Shape.First;
        int d = matrices.B.Shape.Columns;
        for (int i = 0; i < n; i++)
        {
            (double re, double im) = Lambda(nu[i], theta[i]);
            lambda[2 * i] = (float)re;
            lambda[2 * i + 1] = (float)im;
            float gamma = (float)Math.Exp(gammas[i]);
            float* real = b + 2L * i * d;
            for (int j = 0; j < d; j++)
            {
                real[j] = gamma * fromReal[(long)i * d + j];
                real[d + j] = gamma * fromImaginary[(long)i * d + j];
            }
        }
        float* cReal = Pointer(parameters.CReal);
        float* cImaginary = Pointer(parameters.CImaginary);
        float* to = Pointer(matrices.C);
        int directions = matrices.C.Shape.First / d;
        for (int direction = 0; direction < directions; direction++)
        {
            for (int row = 0; row < d; row++)
            {
                long from = ((long)row * directions + direction) * n;
                for (int i = 0; i < n; i++)
                {
                    *to++ = cReal[from + i];
                    *to++ = -cImaginary[from + i];
                }
            }
        }
    }

    private protected override void LruParametrizationGradientCore(
        in LruTensors parameters,
        in LruMatrices matrices,
        in LruTensors gradients
    )
    {
        float* nu = Pointer(parameters.NuLog);
        float* theta = Pointer(parameters.ThetaLog);
        float* gammas = Pointer(parameters.GammaLog);
        int n = matrices.Lambda.Shape.Columns / 2;
        int d = matrices.B.Shape.Columns;
        for (int i = 0; i < n; i++)
        {
            (double re, double im) = Lambda(nu[i], theta[i]);
            double dre = SumColumn(matrices.Lambda, 2 * i);
            double dim = SumColumn(matrices.Lambda, 2 * i + 1);
            double decay = Math.Exp(nu[i]);
            double phase = Math.Exp(theta[i]);
            Pointer(gradients.NuLog)[i] -= (float)(decay * (dre * re + dim * im));
            Pointer(gradients.ThetaLog)[i] += (float)(phase * (dim * re - dre * im));
            float gamma = (float)Math.Exp(gammas[i]);
            float* slope = Pointer(matrices.B) + 2L * i * d;
            float* real = Pointer(parameters.BReal) + (long)i * d;
            float* imaginary = Pointer(parameters.BImaginary) + (long)i * d;
            float* dReal = Pointer(gradients.BReal) + (long)i * d;
            float* dImaginary = Pointer(gradients.BImaginary) + (long)i * d;
            double scaled = 0;
            for (int j = 0; j < d; j++)
            {
                dReal[j] += gamma * slope[j];
                dImaginary[j] += gamma * slope[d + j];
                scaled += (double)real[j] * slope[j] + (double)imaginary[j] * slope[d + j];
            }
            Pointer(gradients.GammaLog)[i] += (float)(gamma * scaled);
        }
        float* from = Pointer(matrices.C);
        float* dcReal = Pointer(gradients.CReal);
        float* dcImaginary = Pointer(gradients.CImaginary);
        int directions = matrices.C.Shape.First / d;
        for (int direction = 0; direction < directions; direction++)
        {
            for (int row = 0; row < d; row++)
            {
                long to = ((long)row * directions + direction) * n;
                for (int i = 0; i < n; i++)
                {
                    dcReal[to + i] += *from++;
                    dcImaginary[to + i] -= *from++;
                }
            }
        }
    }

    private static (double Re, double Im) Lambda(float nu, float theta)
    {
        double radius = Math.Exp(-Math.Exp(nu));
        double phase = Math.Exp(theta);
        return (radius * Math.Cos(phase), radius * Math.Sin(phase));
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
