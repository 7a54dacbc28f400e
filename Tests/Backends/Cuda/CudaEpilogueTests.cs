using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;
using CudaContext = Sequor.Interop.CudaContext;

namespace Sequor.Tests.Cuda;

/// <summary>Linear layers whose biases cuBLASLt adds, and whose biases' gradients it sums up, within the products.</summary>
[TestFixture]
internal sealed class CudaEpilogueTests : EpilogueFixture
{
    private static IEnumerable<TestCaseData> Steps =>
        from model in SelfCheckModel.All
        from graph in (bool[])[false, true]
        select new TestCaseData(model.Name, graph);

    private static IEnumerable<TestCaseData> Blocks =>
        from block in ((string Name, Func<Layer> Make)[])
            [
                (
                    "gated convolutions with a skip path",
                    () => new TcnBlock(Inputs, 4, 2, 1, activation: TcnActivation.Gated)
                ),
                (
                    "linear mixing",
                    () =>
                        new SequenceBlock(
                            new Dss(4, 5),
                            new SequenceBlockOptions { Mixing = BlockMixing.Linear }
                        )
                ),
            ]
        select new TestCaseData(block.Make).SetArgDisplayNames(block.Name);

    [Test]
    public void A_layer_is_that_of_the_cpu(
        [Values(1, 5)] int length,
        [Values(1, 3)] int batch,
        [Values(1, 7)] int inputs,
        [Values(1, 6)] int outputs,
        [Values] bool accumulate
    )
    {
        Compare(() => new Linear(inputs, outputs), length, batch, accumulate);
        // Both forward passes; the gradient of the bias in the first backward pass alone, as cuBLASLt replaces it.
        if (Virtual is not null)
            Assert.That(Virtual.Counts.Of(Lt), Is.EqualTo(accumulate ? 3 : 2));
    }

    [TestCaseSource(nameof(Blocks))]
    public void What_a_block_has_of_such_layers_is_joined_too(Func<Layer> make)
    {
        Compare(make, 5, 3, accumulate: false);
        if (Virtual is null)
            return;
        Assert.That(Virtual.Counts.Of(Lt), Is.EqualTo(2));
        (long kernels, long products, _) = Calls(Gpu, make());
        (long left, long leftProducts, long joined) = Calls(ByLibrary, make());
        Assert.That((joined, kernels - left, products - leftProducts), Is.EqualTo((2, 2, 2)));
    }

    [Test]
    [VirtualGpuOnly]
    public void A_step_saves_both_launches_of_each_linear_layer()
    {
        Assert.Multiple(() =>
        {
            foreach (SelfCheckModel model in SelfCheckModel.All)
            {
                // Of the head and, in an LRU, of the encoder.
                int layers = model.Name == "lru" ? 2 : 1;
                (long kernels, long products, long none) = Calls(Gpu, model.Create());
                (long left, long leftProducts, long joined) = Calls(ByLibrary, model.Create());
                Assert.That(none, Is.Zero, model.Name);
                Assert.That(joined, Is.EqualTo(2 * layers), model.Name);
                Assert.That(kernels - left, Is.EqualTo(2 * layers), model.Name);
                Assert.That(products - leftProducts, Is.EqualTo(2 * layers), model.Name);
            }
        });
    }

    [TestCaseSource(nameof(Steps))]
    public void Training_steps_are_those_of_the_cpu(string name, bool graph)
    {
        SelfCheckModel model = SelfCheckModel.All.Single(m => m.Name == name);
        using var check = new TrainingCheck(ByLibrary, model, graph);
        check.Load();
        if (Virtual is not null)
            Assert.That(Virtual.Counts.Of(Lt), Is.Positive);
        (bool passed, string detail) = check.Run();
        Assert.That(passed, detail);
    }

    [Test]
    [VirtualGpuOnly]
    public void A_step_makes_nothing_and_an_ended_model_leaves_nothing()
    {
        Virtual!.Counts.Reset();
        using (
            var model = new Sequential(new Linear(Inputs, 4), new Linear(4, 4), new Linear(4, 4))
        )
        {
            using Plan plan = model.Plan(ByLibrary, 2, 2, Mode.Training);
            using Tensors x = new(ByLibrary, new Shape(2, 2, Inputs));
            x.Tensor.Write(new Draw(1).Uniform(x.Tensor.Count));
            void Step()
            {
                plan.Forward(x.Tensor);
                plan.Backward(plan.Output);
            }
            Step();
            // Layers of one shape have an algorithm together, and a descriptor for each bias.
            Assert.That(Virtual.LiveHandles()["cuBLASLt product descriptor"], Is.EqualTo(6));
            Virtual.Counts.Reset();
            Step();
            Assert.That(Virtual.Counts.OfAll("cublasLt"), Is.EqualTo(6));
            Assert.That(Virtual.Counts.Of(Lt), Is.EqualTo(6));
            // The virtual libraries allocate; what is looked up before their calls does not.
            var product = new MatrixProduct
            {
                A = plan.Output,
                TransposeA = true,
                B = x.Tensor,
                C = plan.Gradient("0.weight"),
                Sums = plan.Gradient("0.bias"),
                SumsAreZero = true,
            };
            bool joins = false;
            Assert.That(Allocated.Least(() => joins = ByLibrary.JoinsSums(product)), Is.Zero);
            Assert.That(joins);
        }
        Assert.That(Virtual.LiveHandles().Keys, Has.None.EqualTo("cuBLASLt product descriptor"));
    }

    [Test]
    [VirtualGpuOnly]
    public void The_arithmetic_is_that_of_the_products_mode([Values] ProductMath mode)
    {
        var ways = new List<string>();
        Virtual!.Effects = work =>
        {
            if (work.Call == Lt)
                ways.Add(work.Way);
            return null;
        };
        using var backend = new CudaBackend(
            Context,
            Stream,
            Library with
            {
                Products = mode,
                Math = mode == ProductMath.Tf32 ? FloatMath.Tf32 : FloatMath.Fp32,
            }
        );
        using var model = new Linear(Inputs, 4);
        using Plan plan = model.Plan(backend, 2, 2, Mode.Training);
        plan.Forward(new Draw(1).Uniform(2 * 2 * Inputs), 2, 2);
        plan.Backward(plan.Output);
        string compute = mode switch
        {
            ProductMath.Tf32 => "CUBLAS_COMPUTE_32F_FAST_TF32",
            ProductMath.Pedantic => "CUBLAS_COMPUTE_32F_PEDANTIC",
            _ => "CUBLAS_COMPUTE_32F",
        };
        Assert.That(
            ways,
            Is.EqualTo(
                new[] { $"{compute} CUBLASLT_EPILOGUE_BIAS", $"{compute} CUBLASLT_EPILOGUE_BGRADB" }
            )
        );
    }

    // Whoever asks writes it, so that a second product of the same pass adds to what the first one wrote.
    [Test]
    public void A_gradient_is_zero_once_in_a_pass_that_begins_with_zeros()
    {
        var flow = new GradientFlow();
        using Storage place = Gpu.Allocate(8, MemoryCategory.Gradients);
        var first = new Tensor(place, 0, new Shape(4));
        var second = new Tensor(place, 4, new Shape(4));
        flow.BeginPass(zeros: true);
        Assert.That((flow.IsZero(first), flow.IsZero(second)), Is.EqualTo((true, true)));
        Assert.That((flow.IsZero(first), flow.IsZero(second)), Is.EqualTo((false, false)));
        flow.BeginPass(zeros: false);
        Assert.That(flow.IsZero(first), Is.False);
        flow.BeginPass(zeros: true);
        Assert.That(flow.IsZero(first), Is.True);
    }

    [Test]
    public void Replayed_steps_are_those_that_are_not_bit_for_bit_and_those_of_kernels_but_for_roundings()
    {
        float[] replayed = Losses(ByLibrary, out long replays);
        Assert.That(replays, Is.Positive);
        using var eager = new CudaBackend(Context, Stream, Library with { Graphs = false });
        Assert.That(replayed, Is.EqualTo(Losses(eager, out replays)));
        Assert.That(replays, Is.Zero);
        Assert.That(replayed, Is.EqualTo(Losses(Gpu, out _)).Within(Virtual is null ? 1e-4 : 1e-5));

        static float[] Losses(CudaBackend on, out long replays)
        {
            using var run = new StepRun(on, new Linear(2, 4));
            for (int i = 0; i < 8; i++)
                run.Next();
            replays = run.Graph.Replays;
            return [.. run.Noted];
        }
    }

    // Launches, cuBLAS's products and cuBLASLt's of a training step.
    private (long Kernels, long Products, long Joined) Calls(CudaBackend on, Layer model)
    {
        using Layer made = model;
        using Plan plan = made.Plan(on, 4, 2, Mode.Training);
        float[] x = new Draw(1).Uniform(4 * 2 * model.InputSize);
        for (int i = 0; i < 2; i++)
        {
            on.Synchronize();
            Virtual!.Counts.Reset();
            plan.Forward(x, 4, 2);
            plan.Backward(plan.Output);
        }
        return (
            Virtual!.Counts.Of("cuLaunchKernel"),
            Virtual.Counts.Of("cublasSgemm"),
            Virtual.Counts.Of(Lt)
        );
    }

    private void Compare(Func<Layer> make, int length, int batch, bool accumulate)
    {
        Dictionary<string, float[]> cpu = Run(Cpu, make(), length, batch, accumulate);
        foreach ((string name, float[] values) in Run(ByLibrary, make(), length, batch, accumulate))
            Against.Cpu("biases by cuBLASLt", name, values, cpu[name], 1e-5);
    }

    private static Dictionary<string, float[]> Run(
        Backend on,
        Layer made,
        int length,
        int batch,
        bool accumulate
    )
    {
        using Layer model = made;
        using Plan plan = model.Plan(
            on,
            length,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true, Seed = 3 }
        );
        // Where they lie is each backend's own.
        foreach ((string name, float[] values) in new Draw(5).Parameters(model))
            plan.Parameter(name).Write(values);
        float[] x = new Draw(6).Uniform((long)length * batch * model.InputSize);
        var results = new Dictionary<string, float[]>();
        for (int pass = 0; pass < (accumulate ? 2 : 1); pass++)
        {
            Tensor y = plan.Forward(x, length, batch);
            results[$"output {pass}"] = y.ToArray();
            Tensor dy = on.Allocate(y.Shape, MemoryCategory.InputOutput);
            dy.Write(new Draw(7).Uniform(dy.Count));
            plan.Backward(dy, accumulate: pass > 0);
            dy.Storage.Dispose();
            results[$"input's gradient {pass}"] = plan.InputGradient.ToArray();
            foreach (NamedParameter named in model.NamedParameters())
                results[$"{named.Name} {pass}"] = plan.Gradient(named.Name).ToArray();
        }
        return results;
    }

    /// <summary>A tensor that is freed at the end of a block.</summary>
    private sealed class Tensors(Backend on, Shape shape) : IDisposable
    {
        public Tensor Tensor { get; } = on.Allocate(shape, MemoryCategory.InputOutput);

        public void Dispose() => Tensor.Storage.Dispose();
    }
}
