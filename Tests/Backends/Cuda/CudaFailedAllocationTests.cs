using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>Each allocation of what is made fails in turn: nothing stays taken, and the next try works.</summary>
[TestFixture]
[VirtualGpuOnly]
public sealed class CudaFailedAllocationTests : CudaFixture
{
    private const int T = 4;
    private const int B = 3;

    // Of each operation one that has all of its memory.
    private static readonly string[] Kinds =
    [
        "lstm x2",
        "gru",
        "tcn with skip",
        "lru",
        "batch postnormed lru",
        "layer norm",
        "embedding",
        "dropped lstm",
        "both ways",
    ];

    private static Layer Model(string kind) =>
        kind switch
        {
            "embedding" => new Sequential(new Embedding(5, 3), new Gru(3, 4)),
            "dropped lstm" => new Sequential(
                new Lstm(3, 4, new RecurrentOptions { Layers = 2, Dropout = 0.5f }),
                new Dropout(4, 0.5f)
            ),
            "both ways" => new Sequential(
                new Lru(3, 4, 5, 1, new LruOptions { Bidirectional = true, Norm = NormKind.Batch }),
                new Mean(4)
            ),
            _ => Models.Small(kind),
        };

    // How many allocations failed until it could be made.
    private int FailEach(Func<IDisposable> make)
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        long taken = Gpu.Memory.CurrentBytes;
        for (int n = 1; ; n++)
        {
            device.FailAllocation(n);
            try
            {
                using IDisposable made = make();
                device.FailAllocation(0);
                Assert.That(Gpu.Memory.CurrentBytes, Is.GreaterThan(taken));
                return n - 1;
            }
            catch (DeviceMemoryException)
            {
                Assert.That(Gpu.Memory.CurrentBytes, Is.EqualTo(taken), $"allocation {n}");
                Assert.That(Context.Ledger.CurrentBytes, Is.EqualTo(taken), $"allocation {n}");
            }
        }
    }

    [Test]
    public void Of_a_model_and_its_plan([Values] Mode mode)
    {
        bool whole = mode != Mode.Streaming;
        foreach (string kind in Kinds.Where(kind => whole || kind != "both ways"))
        {
            using Layer model = Model(kind);
            bool states = whole && model is Recurrent;

            int failed = FailEach(() =>
            {
                // Its parameters went with the plan that failed.
                Assert.That(model.Store, Is.Null, kind);
                model
                    .Plan(
                        Gpu,
                        T,
                        B,
                        mode,
                        new PlanOptions { VariableLengths = whole, States = states }
                    )
                    .Dispose();
                return model;
            });

            Assert.That(failed, Is.GreaterThan(4), kind);
        }
    }

    [Test]
    public void Of_losses()
    {
        using var model = new Gru(2, 4);
        using Plan plan = model.Plan(Gpu, T, B, Mode.Training);

        Assert.That(FailEach(() => new MeanSquaredError(plan)), Is.GreaterThan(1));
        Assert.That(FailEach(() => new SoftmaxCrossEntropy(plan)), Is.GreaterThan(2));
        Assert.That(FailEach(() => new BinaryCrossEntropy(plan)), Is.GreaterThan(2));
    }

    [Test]
    public void Of_optimizers()
    {
        using var model = new Lru(2, 4, 4, 1);
        using Plan plan = model.Plan(Gpu, T, B, Mode.Training);

        Assert.That(FailEach(() => new Sgd(plan, 0.1f, 0.9f)), Is.EqualTo(3));
        Assert.That(FailEach(() => new RmsProp(plan, 0.1f)), Is.EqualTo(3));
        Assert.That(FailEach(() => new Adam(plan, 0.1f)), Is.EqualTo(4));
        Assert.That(
            FailEach(() => new AdamW(plan, 0.1f, groups: [Lru.Recurrence(0.5f)])),
            Is.EqualTo(4)
        );
    }

    [Test]
    public void Of_a_trainer_and_its_evaluation()
    {
        var task = new AddingProblem(T);
        using var model = new Sequential(new Gru(2, 4), new Last(4), new Linear(4, 1));
        model.Initialize(Gpu);

        int failed = FailEach(() =>
        {
            var trainer = new Trainer(
                model,
                task,
                task.HeldOut(4),
                Gpu,
                plan => new Adam(plan, 0.01f),
                new TrainingOptions { Batch = B }
            );
            try
            {
                trainer.TrainStep();
                trainer.Evaluate();
                return trainer;
            }
            catch
            {
                trainer.Dispose();
                throw;
            }
        });

        Assert.That(failed, Is.GreaterThan(15));
    }

    [Test]
    public void Of_a_prediction()
    {
        int failed = FailEach(() =>
        {
            var model = new Linear(3, 2);
            try
            {
                model.Initialize(Gpu);
                model.Predict(new float[6], 2);
                return model;
            }
            catch
            {
                model.Dispose();
                throw;
            }
        });

        Assert.That(failed, Is.GreaterThan(2));
    }

    [Test]
    public void Rows_beyond_what_the_libraries_count_are_refused()
    {
        long taken = Gpu.Memory.CurrentBytes;
        foreach (string kind in Kinds)
        {
            using Layer model = Model(kind);
            foreach ((int length, int batch) in new[] { (1 << 16, 1 << 15), (int.MaxValue, 2) })
            {
                Assert.That(
                    () => model.Plan(Gpu, length, batch, Mode.Training),
                    Throws.TypeOf<DeviceMemoryException>().With.Message.Contains("2147483647"),
                    kind
                );
            }
            // As many as they count, but more than there is room for.
            Assert.That(
                () => model.Plan(Gpu, int.MaxValue, 1, Mode.Training),
                Throws.TypeOf<DeviceMemoryException>(),
                kind
            );
            Assert.That(Gpu.Memory.CurrentBytes, Is.EqualTo(taken), kind);
            Assert.That(model.Store, Is.Null, kind);
        }
    }

    [Test]
    public void Sizes_of_operations_are_checked()
    {
        Assert.That(
            () => Gpu.BitCount(new Shape(int.MaxValue, int.MaxValue, 100)),
            Throws.TypeOf<OverflowException>()
        );
        var wide = new ConvolutionDescriptor(
            int.MaxValue,
            1,
            2,
            1,
            int.MaxValue,
            int.MaxValue,
            true,
            true
        );
        Assert.That(
            () => Gpu.PlanConvolution(wide).WorkspaceCount,
            Throws.TypeOf<OverflowException>()
        );
        Assert.That(
            () =>
                Gpu.BytesOf(
                    Gpu.PlanDiagonalScan(
                        new DiagonalScanDescriptor(int.MaxValue, 1, int.MaxValue)
                    ).WorkspaceCount
                ),
            Throws.TypeOf<OverflowException>()
        );
    }
}
