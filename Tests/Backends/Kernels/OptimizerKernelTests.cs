using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

[TestFixture]
public sealed class OptimizerKernelTests
{
    // Rule, momentum, number of parameters.
    private static IEnumerable<TestCaseData> Rules()
    {
        foreach (int count in new[] { 1, 1500, 9000 })
        {
            yield return new(nameof(OptimizerRule.Sgd), 0f, count);
            yield return new(nameof(OptimizerRule.Sgd), 0.9f, count);
            yield return new(nameof(OptimizerRule.RmsProp), 0.99f, count);
            yield return new(nameof(OptimizerRule.Adam), 0.9f, count);
            yield return new(nameof(OptimizerRule.AdamW), 0.9f, count);
        }
    }

    [TestCaseSource(nameof(Rules))]
    public void Steps_are_those_of_the_cpu(string name, float beta1, int count)
    {
        OptimizerRule rule = Enum.Parse<OptimizerRule>(name);
        using var host = new HostTensors();
        using var machine = new KernelMachine();
        var draw = new Draw((ulong)count);
        float[] parameters = draw.Uniform(count);
        int third = count / 3;
        OptimizerSegment[] segments =
        [
            new(0, third, 0.25f, false),
            new(third, third + 1, 1f, true),
            new(third + 1, count, 2f, rule == OptimizerRule.AdamW),
        ];
        var onDevice = new OptimizerOnDevice(machine, rule, parameters, segments, beta1);
        Tensor values = host.Put(parameters, count);
        bool hasFirst = beta1 != 0;
        bool hasSecond = rule is OptimizerRule.Adam or OptimizerRule.AdamW;
        Tensor first = hasFirst ? host.Put(new float[count], count) : default;
        Tensor second = hasSecond ? host.Put(new float[count], count) : default;
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
                    Beta1 = beta1,
                    Beta2 = 0.999f,
                    Epsilon = 1e-8f,
                    Decay = rule == OptimizerRule.AdamW ? 0.05f : 0f,
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
        if (hasFirst)
            Check(machine.Get(onDevice.First), host.Get(first), "first moments");
        if (hasSecond)
            Check(machine.Get(onDevice.Second), host.Get(second), "second moments");
    }

    private static void Check(float[] actual, float[] expected, string what) =>
        Close.Check(actual, [.. expected.Select(v => (double)v)], 1e-6, what);
}
