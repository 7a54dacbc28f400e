using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>States that windows carry on CUDA: as on the CPU, within graphs as well, and embeddings that are outputs too.</summary>
[TestFixture]
public sealed class CudaCarryTests : CudaFixture
{
    private const int T = 5;
    private const int B = 3;
    private const int Classes = 9;
    private const int Steps = 8;

    private static readonly Dictionary<string, Func<Layer>> Bodies = new()
    {
        ["tanh"] = () => new Rnn(6, 7),
        ["lstm"] = () => new Lstm(6, 7, 2),
        ["gru"] = () => new Gru(6, 7),
        ["lru"] = () => new Lru(6, 7, 5, 2),
        ["lru of many states"] = () => new Lru(6, 7, 64, 1),
    };

    private static IEnumerable<string> Names => Bodies.Keys;

    [Test]
    public void Windows_are_trained_as_on_the_cpu([ValueSource(nameof(Names))] string body)
    {
        (float[] gpu, _) = Losses(Gpu, body, graph: false);
        (float[] cpu, _) = Losses(Cpu, body, graph: false);
        for (int step = 0; step < Steps; step++)
            Close.Check(gpu[step], cpu[step], cpu[step], 1e-4, $"loss of step {step}");
    }

    [Test]
    public void A_graph_carries_the_states_that_steps_without_one_do(
        [ValueSource(nameof(Names))] string body
    )
    {
        (float[] graphed, StepGraph graph) = Losses(Gpu, body, graph: true);
        (float[] eager, _) = Losses(Gpu, body, graph: false);
        Assert.That(graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps), graph.EagerReason);
        Assert.That(graphed, Is.EqualTo(eager).Within(Virtual is null ? 1e-4 : 0));
    }

    [Test]
    public void Long_windows_of_an_lru_in_tiles_are_trained_as_on_the_cpu()
    {
        Dictionary<string, float[]> gpu = Gradients(Gpu);
        Dictionary<string, float[]> cpu = Gradients(Cpu);
        foreach ((string name, float[] expected) in cpu)
            Against.Cpu("windows in tiles", name, gpu[name], expected, 3e-4);

        static Dictionary<string, float[]> Gradients(Backend on)
        {
            const int Long = 300;
            using var model = new LruBlock(4, 3);
            using Plan plan = model.Plan(
                on,
                Long,
                1,
                Mode.Training,
                new PlanOptions { Seed = 5, Carry = true }
            );
            float[] x = new Draw(1).Uniform(2 * Long * 4);
            plan.Forward(x.AsSpan(0, Long * 4), Long, 1);
            plan.Forward(x.AsSpan(Long * 4), Long, 1);
            Tensor dy = on.Allocate(new Shape(Long, 1, 4), MemoryCategory.InputOutput);
            dy.Write(new Draw(2).Uniform(dy.Count));
            plan.Backward(dy);
            dy.Storage.Dispose();
            return model
                .NamedParameters()
                .ToDictionary(p => p.Name, p => plan.Gradient(p.Name).ToArray());
        }
    }

    [Test]
    public void A_checkpoint_with_carried_states_moves_between_backends([Values] bool toGpu)
    {
        string file = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}");
        try
        {
            using Sequential first = Model("lstm");
            using Sequential second = Model("lstm");
            using Trainer whole = Trainer(first, toGpu ? Cpu : Gpu);
            using Trainer rest = Trainer(second, toGpu ? Gpu : Cpu);
            for (int i = 0; i < 3; i++)
                whole.TrainStep();
            whole.Save(file, new Dictionary<string, string>());
            rest.Resume(file);
            for (int i = 0; i < 4; i++)
            {
                whole.TrainStep();
                rest.TrainStep();
                Close.Check(rest.ReadLoss(), whole.ReadLoss(), whole.ReadLoss(), 1e-4, $"loss {i}");
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static Trainer Trainer(Layer model, Backend on) =>
        new(
            model,
            new Training.Windows(
                "train",
                Training.Windows.Text(T * B * 20 + 1, Classes, 3),
                T,
                Classes
            ),
            null,
            on,
            plan => new Adam(plan, 0.01f),
            new TrainingOptions
            {
                Batch = B,
                Carry = true,
                LogEvery = 1,
            }
        );

    private static Sequential Model(string body)
    {
        var embedding = new Embedding(Classes, 6, scale: 0.1f, uniform: true);
        return new(embedding, Bodies[body](), new Linear(7, 6), new TiedLinear(embedding));
    }

    private static (float[] Losses, StepGraph Graph) Losses(Backend on, string body, bool graph)
    {
        using Sequential model = Model(body);
        using Plan plan = model.Plan(
            on,
            T,
            B,
            Mode.Training,
            new PlanOptions { Seed = 5, Carry = true }
        );
        using var loss = new SoftmaxCrossEntropy(plan);
        using var optimizer = new Adam(plan, 0.02f);
        using var steps = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(T, B));
                plan.Backward(loss.Compute());
                optimizer.Step();
            }
        );
        float[] losses = new float[Steps];
        for (int step = 0; step < Steps; step++)
        {
            // An epoch begins in the middle.
            if (step == 5)
                plan.Reset();
            plan.SetInput(new Draw((ulong)step).Classes(T * B, Classes), T, B);
            loss.SetTargets(new Draw((ulong)(step + 50)).Classes(T * B, Classes));
            if (graph)
                steps.Run();
            else
                steps.RunEager();
            losses[step] = loss.ReadValue();
        }
        on.Synchronize();
        return (losses, steps);
    }
}
