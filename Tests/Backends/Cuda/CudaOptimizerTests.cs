using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Optimizer steps of the CUDA backend against those of the CPU, for every update rule.</summary>
[TestFixture]
public sealed class CudaOptimizerTests : CudaOperationFixture
{
    [Test]
    public void Steps_are_those_of_the_cpu(
        [ValueSource(typeof(UpdateRules), nameof(UpdateRules.Names))] string name,
        [Values(1, 130, 9001)] int count,
        [Values(5f, float.PositiveInfinity)] float clip
    )
    {
        UpdateRule rule = UpdateRules.Get(name);
        int third = count / 3;
        OptimizerSegment[] segments =
        [
            new(0, third, 0.25f, false),
            new(third, third + 1, 1f, true),
            new(third + 1, count, 2f, true),
        ];
        using Storage? placed = Gpu.PlaceSegments(segments);
        Pair parameters = Both(new Shape(count), 1);
        Pair first = rule.HasMean ? Both(new Shape(count), new float[count]) : default;
        Pair second = rule.HasMeanSquare ? Both(new Shape(count), new float[count]) : default;
        Pair state = Both(new Shape(OptimizerUpdate.StateLength), [0.01f, 0f, 0f, 0f, clip]);
        ulong seed = 2;
        // The fourth has a norm that is not finite; the clip bites at some.
        foreach (float size in new[] { 1f, 1e-3f, 100f, float.NaN, 1f })
        {
            Pair gradients = Both(
                new Shape(count),
                [.. new Draw(seed++).Uniform(count).Select(g => g * size)]
            );
            OnBoth(
                (backend, of) =>
                    backend.Optimize(
                        new OptimizerUpdate
                        {
                            Rule = rule,
                            Parameters = of(parameters),
                            Gradients = of(gradients),
                            First = of(first),
                            Second = of(second),
                            State = of(state),
                            Segments = segments,
                            PlacedSegments = placed,
                        }
                    )
            );
            float[] actual = state.Gpu.ToArray();
            float[] expected = state.Cpu.ToArray();
            Assert.That(actual[..3], Is.EqualTo(expected[..3]), "rate, steps, skipped steps");
            if (float.IsNaN(size))
                Assert.That(actual[OptimizerUpdate.Norm], Is.NaN);
            else
                Close.Check(actual.AsSpan(3, 1), [expected[3]], 1e-6, "norm");
        }

        Against.Cpu("optimizer", "parameters", parameters.Gpu, parameters.Cpu, 1e-6);
        if (!first.Cpu.IsEmpty)
            Against.Cpu("optimizer", "first moments", first.Gpu, first.Cpu, 1e-6);
        if (!second.Cpu.IsEmpty)
            Against.Cpu("optimizer", "second moments", second.Gpu, second.Cpu, 1e-6);
    }
}
