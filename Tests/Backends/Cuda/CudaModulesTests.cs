using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Cuda;

/// <summary>Modules are loaded when a plan wants them, once a context, and never by a step.</summary>
[TestFixture]
[VirtualGpuOnly]
public sealed class CudaModulesTests : CudaFixture
{
    private const string Load = "cuModuleLoadDataEx";

    private static readonly string[] Bodies =
    [
        "rnn",
        "lstm",
        "gru",
        "tcn",
        "lru",
        "lru of chunks",
        "s5",
        "batch norm",
        "layer norm",
        "embedding",
    ];

    private long Loads => RequireVirtual().Counts.Of(Load);

    [Test]
    public void A_backend_loads_one_and_a_plan_what_it_needs()
    {
        VirtualDevice device = RequireVirtual();
        Assert.That(Loads, Is.EqualTo(1));
        using (var linear = new Linear(3, 2))
        using (Plan plan = linear.Plan(Gpu, 4, 2, Mode.Training))
            Assert.That(Loads, Is.InRange(2, 4));
        long loaded = Loads;

        // Another backend of the context, and another object of it.
        using CudaContext same = CudaContext.Primary(Libraries.Device());
        using CudaStream stream = same.CreateStream();
        using (var other = new CudaBackend(same, stream))
        using (var linear = new Linear(3, 2))
        using (Plan plan = linear.Plan(other, 4, 2, Mode.Training))
        {
            plan.Forward(new float[24], 4, 2);
            other.Synchronize();
        }
        Assert.That(Loads, Is.EqualTo(loaded));
        Assert.That(device.Counts.Of("cuModuleUnload"), Is.Zero);
    }

    [Test]
    public void Modules_outlive_the_backend_that_loaded_them()
    {
        using CudaContext same = CudaContext.Primary(Libraries.Device());
        using CudaStream stream = same.CreateStream();
        var first = new CudaBackend(same, stream);
        using var lru = new Lru(2, 4, 6, 1);
        using (Plan plan = lru.Plan(first, 3, 2, Mode.Training))
            plan.Forward(new float[12], 3, 2);
        first.Synchronize();
        first.Dispose();
        same.Dispose();
        long loaded = Loads;
        using var again = new Lru(2, 4, 6, 1);
        using (Plan plan = again.Plan(Gpu, 3, 2, Mode.Training))
            plan.Forward(new float[12], 3, 2);
        Gpu.Synchronize();
        Assert.That(Loads, Is.EqualTo(loaded));
    }

    [TestCaseSource(nameof(Bodies))]
    public void No_step_loads_any(string body)
    {
        using var model = Model(body);
        using Plan plan = model.Plan(
            Gpu,
            T,
            B,
            Mode.Training,
            new PlanOptions { VariableLengths = body != "embedding" }
        );
        using var loss = new MeanSquaredError(plan);
        using var adam = new AdamW(plan, 1e-3f) { MaxGradientNorm = 1f };
        long planned = Loads;
        float[] x =
            body == "embedding" ? new float[T * B] : new Draw(1).Uniform(T * B * model.InputSize);
        foreach (
            int[] lengths in (int[][])
                [
                    [],
                    [T, 2],
                ]
        )
        {
            if (lengths.Length > 0 && body == "embedding")
                continue;
            plan.SetInput(x, T, B, lengths);
            loss.SetTargets(new float[plan.Forward(plan.Input(T, B)).Count]);
            plan.SetInput(x, T, B, lengths);
            plan.Forward(plan.Input(T, B));
            plan.Backward(loss.Compute());
            adam.Step();
        }
        Gpu.Synchronize();
        Assert.That(Loads, Is.EqualTo(planned));
    }

    [Test]
    public void One_that_a_capture_wants_first_leaves_the_capture_alone()
    {
        Tensor x = Gpu.Allocate(new Shape(4, 3), MemoryCategory.InputOutput);
        Tensor sum = Gpu.Allocate(new Shape(3), MemoryCategory.InputOutput);
        x.Write([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        Gpu.Fill(sum, 0f);
        long before = Loads;
        using (CudaGraph graph = CudaGraph.Capture(Stream, () => Gpu.ColumnSum(x, default, sum)))
        using (CudaGraphExec exec = graph.Instantiate())
            exec.Launch(Stream);
        Assert.That(Loads, Is.EqualTo(before + 1));
        Assert.That(sum.ToArray(), Is.EqualTo(new float[] { 22, 26, 30 }));
        x.Storage.Dispose();
        sum.Storage.Dispose();
    }

    private const int T = 5;
    private const int B = 2;

    private static Sequential Model(string body) =>
        body switch
        {
            "rnn" => new(new Rnn(3, 4), new Dropout(4, 0.2f), new Last(4), new Linear(4, 2)),
            "lstm" => new(new Lstm(3, 4, 2), new Mean(4), new Linear(4, 2)),
            "gru" => new(new Gru(3, 4), new Linear(4, 2)),
            "tcn" => new(new Tcn(3, [4, 5], 3, dropout: 0.1f), new Last(5), new Linear(5, 2)),
            "lru" => new(new Lru(3, 4, 6, 2, dropout: 0.1f), new Mean(4), new Linear(4, 2)),
            "lru of chunks" => new(
                new Lru(3, 4, 6, 1, new LruOptions { Norm = NormKind.Batch }),
                new Linear(4, 2)
            ),
            "s5" => new(new S5(3, 4, 6, 1), new Linear(4, 2)),
            "batch norm" => new(new Linear(3, 4), new BatchNorm(4), new Linear(4, 2)),
            "layer norm" => new(new Residual(new LayerNorm(3)), new Linear(3, 2)),
            _ => new(new Embedding(7, 3), new Gru(3, 4), new Linear(4, 2)),
        };
}
