using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>What layers prepare together: once before their passes, and back once all of them have their gradients.</summary>
[TestFixture]
public sealed class PreparationTests
{
    private const int Outputs = 2;
    private const int Size = 3;

    [Test]
    public void A_backward_pass_without_the_gradient_of_a_layer_says_whose_is_missing()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var preparation = new WeightNormPreparation(backend, together: true);
        using Storage storage = backend.Allocate(1000, MemoryCategory.Workspace);
        long next = 0;
        (WeightNormTensors Filter, WeightNormGradients Gradient)[] joined = [New(1), New(2)];
        foreach ((WeightNormTensors, WeightNormGradients) each in joined)
            preparation.Join(() => each);
        preparation.Place();

        preparation.BeginForward(changed: true);
        Assert.That(joined[1].Filter.Norms.ToArray(), Is.All.Positive);
        preparation.Backward(0, steps: 1);
        Assert.That(
            preparation.EndBackward,
            Throws
                .InvalidOperationException.With.Message.Contains("Of the 2 items")
                .And.Message.Contains("number 1 has no gradient")
        );
        Assert.That(joined[0].Gradient.G.ToArray(), Is.All.Zero, "nothing went back");

        // A pass later it is as if that had not been; the order of the layers is no matter.
        preparation.BeginForward(changed: true);
        preparation.Backward(1, steps: 1);
        preparation.Backward(0, steps: 1);
        preparation.EndBackward();
        foreach ((_, WeightNormGradients gradient) in joined)
            Assert.That(gradient.G.ToArray(), Is.All.Not.Zero);
        preparation.BeginForward(changed: false);
        Assert.That(preparation.EndBackward, Throws.InvalidOperationException);

        (WeightNormTensors, WeightNormGradients) New(ulong seed)
        {
            var draw = new Draw(seed);
            var filter = new Shape(Outputs, Size, 1);
            var gains = new Shape(Outputs);
            return (
                new WeightNormTensors(
                    Put(filter, draw),
                    Put(gains, draw),
                    Put(filter, null),
                    Put(gains, null),
                    1
                ),
                new WeightNormGradients(Put(filter, draw), 0, Put(filter, null), Put(gains, null))
            );
        }

        Tensor Put(Shape shape, Draw? draw)
        {
            var tensor = new Tensor(storage, next, shape);
            next += shape.Count;
            tensor.Write(draw?.Uniform(shape.Count, 0.5f, 1f) ?? new float[shape.Count]);
            return tensor;
        }
    }
}
