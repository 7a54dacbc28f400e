using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>TF32, where it was asked for: factors of 10 bits behind the point, and no more than that is lost.</summary>
[TestFixture]
public sealed class CudaTf32Tests : CudaFixture
{
    // Two factors, each off by half a unit of the last of 11 bits.
    private const double Most = 1e-3;

    private protected override FloatMath Arithmetic => FloatMath.Tf32;

    [Test]
    public void Networks_and_products_lose_what_TF32_loses_and_no_more(
        [Values("tanh", "lstm", "gru", "linear")] string kind
    )
    {
        using Layer onGpu = kind == "linear" ? new Linear(16, 32) : Models.Recurrent(kind, 16, 32);
        using Layer onCpu = kind == "linear" ? new Linear(16, 32) : Models.Recurrent(kind, 16, 32);
        using Plan gpu = onGpu.Plan(
            Gpu,
            7,
            3,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        using Plan cpu = onCpu.Plan(
            Cpu,
            7,
            3,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        foreach (Plan plan in (Plan[])[gpu, cpu])
        {
            plan.Forward(new Draw(1).Uniform(7 * 3 * 16), 7, 3);
            Tensor dy = plan.Backend.Allocate(new Shape(7, 3, 32), MemoryCategory.InputOutput);
            dy.Write(new Draw(2).Uniform(dy.Count));
            plan.Backward(dy);
            dy.Storage.Dispose();
        }
        string operation = $"{kind} in TF32";
        Against.Cpu(operation, "y", gpu.Output, cpu.Output, Most);
        Against.Cpu(operation, "dx", gpu.InputGradient, cpu.InputGradient, Most);
        foreach (NamedParameter named in onGpu.NamedParameters())
            Against.Cpu(
                operation,
                named.Name,
                gpu.Gradient(named.Name),
                cpu.Gradient(named.Name),
                Most
            );
        // It was not float32 that ran.
        Assert.That(gpu.Output.ToArray(), Is.Not.EqualTo(cpu.Output.ToArray()).Within(1e-6f));
    }
}
