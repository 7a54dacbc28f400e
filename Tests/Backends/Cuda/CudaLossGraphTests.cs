using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Losses;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Losses of a plan whose steps are recorded where they have no lengths, and run as they are where they have.</summary>
[TestFixture]
public sealed class CudaLossGraphTests : CudaFixture
{
    private const int T = 5;
    private const int B = 3;
    private static readonly int[] Lengths = [2, 5, 3];

    [Test]
    public void A_replayed_step_has_no_lengths()
    {
        foreach (string kind in LossCase.Kinds)
        {
            CheckReplays(kind, masked: false);
            CheckReplays(kind, masked: true);
        }
    }

    private void CheckReplays(string kind, bool masked)
    {
        using var given = new LossCase(Gpu, kind, T, B, 4);
        float[] mask = masked ? new Draw(4).Uniform(T * B, 0.5f, 2) : [];
        float[] all = masked ? mask : [.. Enumerable.Repeat(1f, T * B)];
        float[] some = [.. all.Zip(LossCase.Steps(T, Lengths), (m, t) => m * t)];
        using var graph = new StepGraph(given.Plan, Step);
        for (int step = 0; step < 4; step++)
        {
            given.Plan.Input(T, B).Write(given.X);
            given.Loss.SetTargets(given.Targets, mask);
            graph.Run();
            given.Check(given.Loss.Gradient.ToArray(), all, kind);
            // What was loaded stays as it is for the next replay.
            given.Plan.Forward(given.Plan.Input(T, B), Lengths);
            given.Check(given.Loss.Compute().ToArray(), some, kind);
            graph.Run();
            given.Check(given.Loss.Gradient.ToArray(), all, kind);
            // The output is that of the replay, which has no ends.
            given.Check(given.Loss.Compute().ToArray(), all, kind);
        }
        Assert.That(graph.Replays, Is.EqualTo(6), graph.EagerReason);

        void Step()
        {
            given.Plan.Forward(given.Plan.Input(T, B));
            given.Loss.Compute();
        }
    }

    [Test]
    public void A_step_is_not_replayed_with_targets_that_are_none()
    {
        CheckRefusals("softmax");
        CheckRefusals("binary");
    }

    private void CheckRefusals(string kind)
    {
        using var given = new LossCase(Gpu, kind, T, B, 4);
        using var graph = new StepGraph(given.Plan, Step);
        given.Plan.Input(T, B).Write(given.X);
        float[] odd = [.. given.Targets];
        // Beyond the end of sequence 0, where there are lengths.
        odd[12 * given.Each] = 1e9f;
        for (int step = 0; step < 6; step++)
        {
            given.Loss.SetTargets(odd);
            Refusal.Of<ArgumentException>(kind, graph.Run, "row 12, step 4 of sequence 0").Check();
            given.Plan.Forward(given.Plan.Input(T, B), Lengths);
            given.Loss.Compute();
            given.Loss.SetTargets(given.Targets);
            graph.Run();
        }
        Assert.That(graph.Replays, Is.Positive, graph.EagerReason);

        void Step()
        {
            given.Plan.Forward(given.Plan.Input(T, B));
            given.Loss.Compute();
        }
    }
}
