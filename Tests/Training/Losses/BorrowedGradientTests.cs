using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Losses;

/// <summary>A loss whose gradient lies in scratch of its plan.</summary>
[TestFixture]
public sealed class BorrowedGradientTests
{
    private const int T = 6;
    private const int B = 4;
    private const int Outputs = 3;

    // Below the last layer one with more scratch; the last one reads the gradient while it uses its own.
    private static readonly Dictionary<string, Func<Layer>> Last = new()
    {
        ["linear"] = () => new Linear(24, Outputs),
        ["gru"] = () => new Gru(24, Outputs),
        ["lstm"] = () => new Lstm(24, Outputs),
        ["tcn"] = () => new Tcn(24, [Outputs], 3),
        ["lru"] = () => new Lru(24, Outputs, 4, 1),
    };

    private static IEnumerable<string> Names => Last.Keys;

    [Test]
    public void Is_read_before_the_scratch_is_used([ValueSource(nameof(Names))] string last) =>
        Check(Backends.Get(256, 1), last);

    internal static void Check(Backend backend, string last)
    {
        using var model = new Sequential(new Lru(2, 24, 30, 1), Last[last]());
        using Plan plan = model.Plan(backend, T, B, Mode.Training, new PlanOptions { Seed = 3 });
        long scratch = backend.Memory.Current(MemoryCategory.Workspace);
        using var loss = new MeanSquaredError(plan);
        Assert.That(
            backend.Memory.Current(MemoryCategory.Workspace),
            Is.EqualTo(scratch),
            "the plan has room for the gradient"
        );
        float[] x = new Draw(1).Uniform(T * B * 2);
        float[] targets = new Draw(2).Uniform(T * B * Outputs);
        plan.Forward(x, T, B);
        float[] slope = loss.Compute(targets).ToArray();
        plan.Backward(loss.Gradient);
        float[] actual = plan.Gradients.ToArray();
        Tensor own = backend.Allocate(plan.Output.Shape, MemoryCategory.InputOutput);
        try
        {
            plan.Forward(x, T, B);
            own.Write(slope);
            plan.Backward(own);
            Assert.That(plan.Gradients.ToArray(), Is.EqualTo(actual));
        }
        finally
        {
            own.Storage.Dispose();
        }
    }

    [Test]
    public void Is_not_that_of_another_loss()
    {
        Backend backend = Backends.Get(256, 1);
        using var model = new Sequential(new Lru(2, 24, 30, 1), new Linear(24, Outputs));
        using Plan plan = model.Plan(backend, T, B, Mode.Training);
        plan.Forward(new Draw(1).Uniform(T * B * 2), T, B);
        var first = new MeanSquaredError(plan);
        using var second = new MeanSquaredError(plan);
        float[] slope = first.Compute(new Draw(2).Uniform(T * B * Outputs)).ToArray();
        second.Compute(new Draw(3).Uniform(T * B * Outputs));
        Assert.That(first.Gradient.ToArray(), Is.EqualTo(slope));

        // What the first one gives back, a third one has.
        long taken = backend.Memory.Current(MemoryCategory.Workspace);
        first.Dispose();
        using var third = new MeanSquaredError(plan);
        Assert.That(backend.Memory.Current(MemoryCategory.Workspace), Is.EqualTo(taken));
    }
}
