using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Compares values of the CUDA backend with those of the CPU backend.</summary>
internal static class Against
{
    // Of terms around 1, little or nothing may remain in the result; then the terms are the scale.
    private const double SmallestScale = 0.1;

    /// <summary>Fails if the largest difference, as a fraction of the largest value, is above the bound, and reports it.</summary>
    public static void Cpu(string operation, string what, float[] gpu, float[] cpu, double most)
    {
        Assert.That(gpu, Has.Length.EqualTo(cpu.Length), what);
        double scale = SmallestScale;
        double worst = 0;
        int at = -1;
        for (int i = 0; i < cpu.Length; i++)
        {
            scale = Math.Max(scale, Math.Abs((double)cpu[i]));
            double difference = Math.Abs((double)gpu[i] - cpu[i]);
            // Once the worst difference is NaN, it stays NaN.
            if (!double.IsNaN(worst) && !(difference <= worst))
                (worst, at) = (difference, i);
        }
        double error = worst / scale;
        GpuTestReport.Error(operation, error);
        Assert.That(
            error <= most,
            Is.True,
            $"{what}: {(at < 0 ? 0 : gpu[at])} at {at}, where the CPU has {(at < 0 ? 0 : cpu[at])}; relative to the largest value {error:E2}, allowed {most:E1}"
        );
    }

    public static void Cpu(string operation, string what, Tensor gpu, Tensor cpu, double most) =>
        Cpu(operation, what, gpu.ToArray(), cpu.ToArray(), most);
}
