using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Models whose states begin anew within sequences, on CUDA: as on the CPU, from window to window, and in captured steps.</summary>
[TestFixture]
public sealed class CudaResetTests : CudaFixture
{
    private const int Inputs = 3;

    private static IEnumerable<TestCaseData> Cases() =>
        from both in new[] { false, true }
        from pattern in new[] { "none", "first", "tiles", "drawn" }
        from lengths in (int[][])
            [
                [1],
                [9, 9],
                [150],
                [40, 150, 7],
            ]
        select new TestCaseData(both, pattern, lengths);

    [TestCaseSource(nameof(Cases))]
    public void Gradients_are_those_of_the_cpu(bool both, string pattern, int[] lengths)
    {
        Dictionary<string, float[]> gpu = Results(Gpu, both, pattern, lengths);
        Dictionary<string, float[]> cpu = Results(Cpu, both, pattern, lengths);
        foreach ((string name, float[] expected) in cpu)
            Against.Cpu("models that begin anew", name, gpu[name], expected, 3e-4);
    }

    private static Dictionary<string, float[]> Results(
        Backend on,
        bool both,
        string pattern,
        int[] lengths
    )
    {
        int steps = lengths.Max();
        int batch = lengths.Length;
        using var model = new S5Block(
            Inputs,
            4,
            new S5Options { Bidirectional = both, Norm = NormKind.Layer }
        );
        using Plan plan = model.Plan(
            on,
            steps,
            batch,
            Mode.Training,
            new PlanOptions
            {
                Seed = 5,
                Resets = true,
                InputGradient = true,
                VariableLengths = lengths.Any(length => length != steps),
            }
        );
        plan.SetResets(ResetMarks.Of(pattern, steps, batch), steps, batch);
        Tensor y = plan.Forward(
            new Draw(1).Uniform((long)steps * batch * Inputs),
            steps,
            batch,
            lengths.Any(length => length != steps) ? lengths : []
        );
        var results = new Dictionary<string, float[]> { ["output"] = y.ToArray() };
        Tensor dy = on.Allocate(y.Shape, MemoryCategory.InputOutput);
        dy.Write(new Draw(2).Uniform(dy.Count));
        plan.Backward(dy);
        dy.Storage.Dispose();
        results["input"] = plan.InputGradient.ToArray();
        foreach (NamedParameter named in model.NamedParameters())
            results[named.Name] = plan.Gradient(named.Name).ToArray();
        return results;
    }

    [Test]
    public void A_captured_step_sees_the_marks_of_each_batch([Values] bool carry)
    {
        (float[] graphed, StepGraph graph) = Losses(Gpu, carry, graph: true);
        (float[] eager, _) = Losses(Gpu, carry, graph: false);
        (float[] cpu, _) = Losses(Cpu, carry, graph: false);
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps), graph.EagerReason);
        Assert.That(graphed, Is.EqualTo(eager).Within(Virtual is null ? 1e-4 : 0));
        for (int step = 0; step < Steps; step++)
            Close.Check(graphed[step], cpu[step], cpu[step], 1e-4, $"loss of step {step}");
    }

    private const int Steps = 9;

    // Batches are alike but for their marks, which some have not.
    private static (float[] Losses, StepGraph Graph) Losses(Backend on, bool carry, bool graph)
    {
        const int T = 20;
        const int B = 2;
        using var model = new Sequential(new Lru(Inputs, 5, 4, 1), new Linear(5, 2));
        using Plan plan = model.Plan(
            on,
            T,
            B,
            Mode.Training,
            new PlanOptions
            {
                Seed = 5,
                Resets = true,
                Carry = carry,
            }
        );
        using var loss = new MeanSquaredError(plan);
        using var optimizer = new Sgd(plan, 0f);
        using var steps = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(T, B));
                plan.Backward(loss.Compute());
                optimizer.Step();
            }
        );
        float[] x = new Draw(1).Uniform(T * B * Inputs);
        float[] targets = new Draw(2).Uniform(T * B * 2);
        float[] losses = new float[Steps];
        for (int step = 0; step < Steps; step++)
        {
            if (carry)
                plan.Reset();
            plan.SetInput(x, T, B);
            loss.SetTargets(targets);
            string pattern = ResetMarks.Patterns[step % ResetMarks.Patterns.Length];
            if (pattern != "none")
                plan.SetResets(ResetMarks.Of(pattern, T, B), T, B);
            if (graph)
                steps.Run();
            else
                steps.RunEager();
            losses[step] = loss.ReadValue();
        }
        Assert.That(losses.Distinct().Count(), Is.GreaterThanOrEqualTo(4));
        Assert.That(losses[6], Is.EqualTo(losses[0]).Within(1e-6));
        on.Synchronize();
        return (losses, steps);
    }

    [Test]
    public void A_sequence_of_a_stream_begins_anew_as_on_the_cpu()
    {
        float[] gpu = Stream(Gpu);
        float[] cpu = Stream(Cpu);
        Against.Cpu("streams that begin anew", "outputs", gpu, cpu, 1e-4);

        static float[] Stream(Backend on)
        {
            using var model = new Lru(Inputs, 4, 3, 1);
            using Plan plan = model.Plan(
                on,
                1,
                3,
                Mode.Streaming,
                new PlanOptions { Seed = 5, Resets = true }
            );
            var outputs = new List<float>();
            for (int t = 0; t < 6; t++)
            {
                if (t % 2 == 1)
                    plan.SetResets([t == 1, t == 3, t == 5], 1, 3);
                outputs.AddRange(
                    plan.Forward(new Draw((ulong)t).Uniform(3 * Inputs), 1, 3).ToArray()
                );
            }
            return [.. outputs];
        }
    }
}
