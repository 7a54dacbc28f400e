using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers.Diagonal;

/// <summary>
/// On the CPU a diagonal block goes through time in ranges that its caches hold. Its weights are laid out for products once a pass, however
/// many ranges there are, and anew in the next pass, whose weights are others.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
internal sealed class RangeFactorTests(int bits, int threads)
{
    private const int Inputs = 24;
    private const int Batch = 2;

    private CpuBackend Backend => Backends.Get(bits, threads);

    private static IEnumerable<TestCaseData> Blocks()
    {
        yield return Case("lru", () => new LruBlock(Inputs, 40));
        yield return Case(
            "s5, both directions",
            () => new S5Block(Inputs, 40, new S5Options { Bidirectional = true })
        );

        static TestCaseData Case(string name, Func<Layer> make) =>
            new TestCaseData(make).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Blocks))]
    public void Weights_are_laid_out_once_a_pass(Func<Layer> make)
    {
        using Layer block = make();
        block.Initialize(Backend, seed: 3);
        // Some 250 floats a row: these are four ranges and more.
        int many = 2_500 * threads;
        Assert.That(Backend.PreferredRows(7 * Inputs + 2 * 40) * 4, Is.LessThan(many * Batch));
        Assert.That(Prepared(block, many), Is.EqualTo(Prepared(block, 1)));
    }

    [TestCaseSource(nameof(Blocks))]
    public void The_next_pass_has_the_new_weights(Func<Layer> make)
    {
        using Layer block = make();
        block.Initialize(Backend, seed: 3);
        const int Steps = 5;
        float[] x = new Draw(1).Uniform(Steps * Batch * Inputs);
        Tensor dy = Gradient(Steps);
        using Storage memory = dy.Storage;
        using Plan plan = block.Plan(Backend, Steps, Batch, Mode.Training);
        plan.Forward(x, Steps, Batch);
        plan.Backward(dy);
        block.Initialize(Backend, seed: 4);

        plan.Forward(x, Steps, Batch);
        plan.Backward(dy);

        using Plan fresh = block.Plan(Backend, Steps, Batch, Mode.Training);
        fresh.Forward(x, Steps, Batch);
        fresh.Backward(dy);
        Close.CheckBits(plan.Output.ToArray(), fresh.Output.ToArray(), "output");
        foreach (NamedParameter each in block.NamedParameters())
            Close.CheckBits(
                plan.Gradient(each.Name).ToArray(),
                fresh.Gradient(each.Name).ToArray(),
                each.Name
            );
    }

    private Tensor Gradient(int steps)
    {
        Tensor dy = Backend.Allocate(new Shape(steps, Batch, Inputs), MemoryCategory.InputOutput);
        dy.Write(new Draw(2).Uniform(dy.Count));
        return dy;
    }

    // What a forward and a backward pass lay out.
    private long Prepared(Layer block, int steps)
    {
        using Plan plan = block.Plan(Backend, steps, Batch, Mode.Training);
        float[] x = new Draw(1).Uniform(steps * Batch * Inputs);
        Tensor dy = Gradient(steps);
        using Storage memory = dy.Storage;
        long before = Backend.Preparations;
        plan.Forward(x, steps, Batch);
        plan.Backward(dy);
        return Backend.Preparations - before;
    }
}
