using Sequor.Layers;

namespace Sequor.Tests.Examples;

/// <summary>What docs/layers.md shows of episodes that end within a sequence, in training and in a stream.</summary>
internal static class EpisodesInOneSequence
{
    public static (float[] Windows, float[] Next) Run(Backend backend, float[] x, float[] next)
    {
        // Shown
        using var model = new Sequential(new Lru(4, 32, 16, 2), new Linear(32, 2));
        using Plan plan = model.Plan(
            backend,
            maxLength: 5,
            maxBatch: 2,
            Mode.Training,
            new PlanOptions { Resets = true, Carry = true }
        );
        bool[] begins = // [T, B]
        [
            .. (bool[])[false, false],
            .. (bool[])[false, false],
            .. (bool[])[true, false], // an episode of sequence 0 begins at step 2
            .. (bool[])[false, false],
            .. (bool[])[false, true], // and one of sequence 1 at step 4
        ];
        plan.SetInput(x, length: 5, batch: 2);
        plan.SetResets(begins, length: 5, batch: 2);
        Tensor y = plan.Forward(plan.Input(5, 2));

        using Plan stream = model.Plan(
            backend,
            maxLength: 1,
            maxBatch: 2,
            Mode.Streaming,
            new PlanOptions { Resets = true }
        );
        stream.SetResets([true, false], length: 1, batch: 2); // for the next step alone
        Tensor action = stream.Forward(next, length: 1, batch: 2);
        // Shown
        return (y.ToArray(), action.ToArray());
    }
}
