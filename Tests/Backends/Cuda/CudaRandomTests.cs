using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Cuda;

/// <summary>Dropout masks of the CUDA backend against those of the CPU, at any step, stream and offset.</summary>
[TestFixture]
public sealed class CudaRandomTests : CudaOperationFixture
{
    private const ulong Seed = 0x123456789ABCDEF;

    [Test]
    public void Masks_are_those_of_the_cpu(
        [Values(1, 2, 130, 257, 5003)] int count,
        [Values(0L, 3L, 40_000_000_001L)] long first,
        [Values(0L, 7L, 52L)] long period,
        [Values] bool ones
    )
    {
        using RandomStream onGpu = Gpu.CreateRandom(Seed);
        using RandomStream onCpu = Cpu.CreateRandom(Seed);
        Pair x = Both(new Shape(count), 1);
        Pair y = Both(new Shape(count), 2);
        for (int step = 0; step < 3; step++)
        {
            foreach (int stream in new[] { 0, 7 })
            {
                foreach (float probability in new[] { 0f, 0.3f })
                {
                    onGpu.Dropout(
                        ones ? default : x.Gpu,
                        y.Gpu,
                        probability,
                        stream,
                        first,
                        period
                    );
                    onCpu.Dropout(
                        ones ? default : x.Cpu,
                        y.Cpu,
                        probability,
                        stream,
                        first,
                        period
                    );
                    CheckBits(y, $"step {step}, stream {stream}, probability {probability}");
                }
            }
            onGpu.Advance();
            onCpu.Advance();
            Assert.That(onGpu.Step, Is.EqualTo(onCpu.Step));
        }
    }

    [Test]
    public void A_step_that_is_set_is_gone_on_from()
    {
        using RandomStream onGpu = Gpu.CreateRandom(Seed);
        using RandomStream onCpu = Cpu.CreateRandom(Seed);
        Pair x = Both(new Shape(100), 1);

        onGpu.Step = onCpu.Step = 1UL << 40;
        onGpu.Advance();
        onCpu.Advance();
        onGpu.Dropout(x.Gpu, x.Gpu, 0.5f, 1);
        onCpu.Dropout(x.Cpu, x.Cpu, 0.5f, 1);

        CheckBits(x, "dropped out");
        Assert.That(onGpu.Step, Is.EqualTo((1UL << 40) + 1));
        Assert.That(onGpu.Seed, Is.EqualTo(Seed));
    }
}
