using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernel of dropout masks against the CPU's masks, at any offset and period.</summary>
[TestFixture]
public sealed class RandomKernelTests
{
    private const ulong Seed = 0x123456789ABCDEF;

    [TestCase(1, 0L, 0L)]
    [TestCase(1000, 0L, 0L)]
    [TestCase(1001, 3L, 0L)]
    [TestCase(2, 5L, 0L)]
    [TestCase(640, 40_000_000_000L, 0L)]
    [TestCase(1000, 0L, 40L)]
    [TestCase(1001, 3L, 8L)]
    [TestCase(90, 0L, 15L)]
    [TestCase(101, 2L, 3L)]
    [TestCase(40, 0L, 1L)]
    [TestCase(7, 40_000_000_000L, 9L)]
    public void Masks_are_those_of_the_cpu(int count, long first, long period)
    {
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        float[] x = new Draw(8).Uniform(count);
        using RandomStream random = host.Backend.CreateRandom(Seed);
        DeviceArray place = machine.Put(Seed, 0UL);
        for (int step = 0; step < 2; step++)
        {
            foreach (bool ones in new[] { false, true })
            {
                Tensor expected = host.New(count);
                random.Dropout(
                    ones ? default : host.Put(x, count),
                    expected,
                    0.3f,
                    7,
                    first,
                    period
                );
                DeviceArray result = machine.New(count);
                machine.Launch(
                    "dropout",
                    KernelGrid.Flat(count + 3),
                    ones ? DeviceArray.Null : machine.Put(x),
                    result,
                    (long)count,
                    first,
                    period,
                    place,
                    7u,
                    (uint)(0.3f * 4294967296.0),
                    1f / (1f - 0.3f)
                );
                Close.CheckBits(machine.Get(result), host.Get(expected), $"mask of step {step}");
            }
            random.Advance();
            machine.Launch("random_advance", new KernelGrid(1, 1, 1), place);
        }
        Assert.That(machine.Get<ulong>(place), Is.EqualTo(new[] { Seed, 2UL }));
    }
}
