using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>The CUDA kernels of the optimizers' steps against the CPU.</summary>
[TestFixture]
public sealed class OptimizerKernelTests
{
    [Test]
    public void Steps_are_those_of_the_cpu(
        [ValueSource(typeof(UpdateRules), nameof(UpdateRules.Names))] string name,
        [Values(1, 1500, 9000)] int count
    )
    {
        UpdateRule rule = UpdateRules.Get(name);
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)count);
        float[] parameters = draw.Uniform(count);
        int third = count / 3;
        OptimizerSegment[] segments =
        [
            new(0, third, 0.25f, false),
            new(third, third + 1, 1f, true),
            new(third + 1, count, 2f, true),
        ];
        var onDevice = new OptimizerOnDevice(machine, rule, parameters, segments);
        Tensor values = host.Put(parameters, count);
        Tensor first = rule.HasMean ? host.Put(new float[count], count) : default;
        Tensor second = rule.HasMeanSquare ? host.Put(new float[count], count) : default;
        Tensor state = host.Put([0.01f, 0f, 0f, 0f, 5f], OptimizerUpdate.StateLength);
        // The fourth has a norm that is not finite; the clip bites at some.
        foreach (float size in new[] { 1f, 1e-3f, 100f, float.NaN, 1f })
        {
            float[] gradients = [.. draw.Uniform(count).Select(g => g * size)];
            host.Backend.Optimize(
                new OptimizerUpdate
                {
                    Rule = rule,
                    Parameters = values,
                    Gradients = host.Put(gradients, count),
                    First = first,
                    Second = second,
                    State = state,
                    Segments = segments,
                }
            );
            onDevice.Step(gradients);

            float[] expected = host.Get(state);
            float[] actual = machine.Get(onDevice.State);
            Assert.That(actual[..3], Is.EqualTo(expected[..3]), "rate, steps, skipped steps");
            if (float.IsNaN(size))
                Assert.That(actual[OptimizerUpdate.Norm], Is.NaN);
            else
                Close.Check(actual.AsSpan(3, 1), [expected[3]], 1e-6, "norm");
        }
        Check(machine.Get(onDevice.Parameters), host.Get(values), "parameters");
        if (rule.HasMean)
            Check(machine.Get(onDevice.First), host.Get(first), "first moments");
        if (rule.HasMeanSquare)
            Check(machine.Get(onDevice.Second), host.Get(second), "second moments");
    }

    private static void Check(float[] actual, float[] expected, string what) =>
        Close.Check(actual, [.. expected.Select(v => (double)v)], 1e-6, what);
}
