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
[VirtualGpuOnly]
internal sealed class CudaEpilogueTests : CudaFixture
{
    private const string Lt = "cublasLtMatmul";
    private const int Inputs = 3;

    private static readonly CudaOptions Library = new() { Epilogue = ProductEpilogue.Library };

    private CudaBackend _library = null!;

    private static IEnumerable<TestCaseData> Steps =>
        from model in SelfCheckModel.All
        from graph in (bool[])[false, true]
        select new TestCaseData(model.Name, graph);

    [SetUp]
    public void StartLibrary() => _library = new CudaBackend(Context, Stream, Library);

    [TearDown]
    public void EndLibrary() => _library.Dispose();

    [Test]
    public void A_layer_is_that_of_the_cpu(
        [Values(1, 5)] int length,
        [Values(1, 3)] int batch,
        [Values(1, 7)] int inputs,
        [Values(1, 6)] int outputs,
        [Values] bool accumulate
    )
    {
        float[][] gpu = RunLayer(_library, length, batch, inputs, outputs, accumulate);
        float[][] cpu = RunLayer(Cpu, length, batch, inputs, outputs, accumulate);
        float[][] kernels = RunLayer(Gpu, length, batch, inputs, outputs, accumulate);
        for (int i = 0; i < cpu.Length; i++)
        {
            Close.Check(
                gpu[i],
                Array.ConvertAll(cpu[i], value => (double)value),
                1e-5,
                $"array {i}"
            );
            // The virtual libraries round as the kernels do.
            Assert.That(gpu[i], Is.EqualTo(kernels[i]), $"array {i}");
        }
        // Both forward passes; the gradient of the bias in the first backward pass alone, as cuBLASLt replaces it.
        Assert.That(RequireVirtual().Counts.Of(Lt), Is.EqualTo(accumulate ? 3 : 2));
    }

    [Test]
    public void A_step_saves_both_launches_of_each_linear_layer()
    {
        Assert.Multiple(() =>
        {
            foreach (SelfCheckModel model in SelfCheckModel.All)
            {
                // Of the head and, in an LRU, of the encoder.
                int layers = model.Name == "lru" ? 2 : 1;
                (long kernels, long products, long none) = Calls(Gpu, model);
                (long left, long leftProducts, long joined) = Calls(_library, model);
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
        using var check = new TrainingCheck(_library, model, graph);
        check.Load();
        Assert.That(RequireVirtual().Counts.Of(Lt), Is.Positive);
        (bool passed, string detail) = check.Run();
        Assert.That(passed, detail);
    }

    [Test]
    public void Packed_rows_and_smaller_batches_go_by_kernels_and_are_right()
    {
        float[] x = new Draw(1).Uniform(5 * 2 * Inputs);
        Assert.That(PackedRun(_library), Is.EqualTo(PackedRun(Gpu)));

        float[] PackedRun(CudaBackend on)
        {
            using var layer = new Linear(Inputs, 4);
            using Plan plan = layer.Plan(
                on,
                5,
                2,
                Mode.Training,
                new PlanOptions { VariableLengths = true }
            );
            RequireVirtual().Counts.Reset();
            float[] packed = plan.Forward(x, 5, 2, [5, 3]).ToArray();
            plan.Backward(plan.Output);
            Assert.That(RequireVirtual().Counts.Of(Lt), Is.Zero);
            float[] whole = plan.Forward(x, 5, 2, [5, 5]).ToArray();
            Assert.That(
                RequireVirtual().Counts.Of(Lt),
                Is.EqualTo(on == _library ? 1 : 0),
                "whole batches have as many rows as were planned"
            );
            float[] one = plan.Forward(x.AsSpan(0, Inputs), 1, 1, [1]).ToArray();
            return [.. packed, .. whole, .. one, .. plan.Gradients.ToArray()];
        }
    }

    [Test]
    public void An_input_that_is_less_aligned_goes_by_kernels()
    {
        using var model = new Linear(4, 4);
        using Plan plan = model.Plan(_library, 2, 2, Mode.Training);
        using Storage place = _library.Allocate(64, MemoryCategory.InputOutput);
        var all = new Tensor(place, 0, new Shape(64));
        all.Write(new Draw(1).Uniform(64));
        foreach (int offset in (int[])[4, 5])
        {
            RequireVirtual().Counts.Reset();
            plan.Forward(new Tensor(place, offset, new Shape(2, 2, 4)));
            plan.Backward(plan.Output);
            Assert.That(RequireVirtual().Counts.Of(Lt), Is.EqualTo(offset == 4 ? 2 : 0));
            Assert.That(plan.Gradients.ToArray(), Is.All.Matches<float>(float.IsFinite));
        }
    }

    [Test]
    public void A_layer_without_a_bias_has_nothing_to_join()
    {
        using var model = new Linear(Inputs, 4, bias: false);
        using Plan plan = model.Plan(_library, 2, 2, Mode.Training);
        plan.Forward(new Draw(1).Uniform(2 * 2 * Inputs), 2, 2);
        plan.Backward(plan.Output);
        Assert.That(RequireVirtual().Counts.OfAll("cublasLt"), Is.Zero);
        Assert.That(_library.Choices.Select(c => c.Kind), Has.None.EqualTo(EpilogueTuning.Name));
    }

    [Test]
    public void A_step_makes_nothing_and_an_ended_model_leaves_nothing()
    {
        Virtual!.Counts.Reset();
        using (
            var model = new Sequential(new Linear(Inputs, 4), new Linear(4, 4), new Linear(4, 4))
        )
        {
            using Plan plan = model.Plan(_library, 2, 2, Mode.Training);
            using Tensors x = new(_library, new Shape(2, 2, Inputs));
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
            Assert.That(Allocated.Least(Step), Is.Zero);
        }
        Assert.That(Virtual.LiveHandles().Keys, Has.None.EqualTo("cuBLASLt product descriptor"));
    }

    [Test]
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

    [Test]
    public void A_shape_without_an_algorithm_goes_by_kernels_and_is_told()
    {
        Virtual!.Manners.NoEpilogue = shape =>
            shape.StartsWith("NT", StringComparison.Ordinal)
                ? cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED
                : null;
        using var model = new Linear(Inputs, 4);
        using Plan plan = model.Plan(_library, 2, 2, Mode.Training);
        Assert.That(
            plan.Fallbacks.Single(),
            Does.StartWith("bias gradient, tn 4 x 3 x 4: by a kernel, as ")
                .And.Contain("CUBLAS_STATUS_NOT_SUPPORTED")
        );
        plan.Forward(new Draw(1).Uniform(2 * 2 * Inputs), 2, 2);
        plan.Backward(plan.Output);
        Assert.That(Virtual.Counts.Of(Lt), Is.EqualTo(1));
        using Plan again = model.Plan(_library, 2, 2, Mode.Training);
        Assert.That(again.Fallbacks, Is.EqualTo(plan.Fallbacks));
    }

    [Test]
    public void Without_the_library_or_with_another_version_kernels_do_it([Values] bool isOther)
    {
        (Virtual!.Manners.NoCuBlasLt, Virtual.Manners.OtherCuBlasLt) = (!isOther, isOther);
        CudaLibraries libraries = CudaLibraries.Load(
            new NativeLibraryOptions { Resolve = kind => Virtual.Symbols(kind) }
        );
        Assert.That(libraries.Failure, Is.Null);
        using CudaContext context = CudaContext.Primary(libraries.Device());
        using CudaStream stream = context.CreateStream();
        foreach (CudaOptions options in (CudaOptions[])[new CudaOptions(), Library])
        {
            using var backend = new CudaBackend(context, stream, options);
            using var model = new Linear(Inputs, 4);
            using Plan plan = model.Plan(backend, 2, 2, Mode.Training);
            Assert.That(plan.Fallbacks, Has.Count.EqualTo(options == Library ? 2 : 0));
            foreach (string fallback in plan.Fallbacks)
                Assert.That(fallback, Does.StartWith("bias").And.Contain("cuBLASLt"));
            Assert.That(backend.Choices.Select(c => c.Kind), Has.None.EqualTo(EpilogueTuning.Name));
            plan.Forward(new Draw(1).Uniform(2 * 2 * Inputs), 2, 2);
            plan.Backward(plan.Output);
        }
        Assert.That(Virtual.Counts.OfAll("cublasLtMatmul"), Is.Zero);
    }

    [Test]
    public void A_call_that_fails_is_an_error_and_leaves_nothing()
    {
        using var model = new Linear(Inputs, 4);
        using Plan plan = model.Plan(_library, 2, 2, Mode.Evaluation);
        Virtual!.Refuse(Lt, (int)cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED, times: 1);
        float[] x = new Draw(1).Uniform(2 * 2 * Inputs);
        var error = Assert.Throws<CublasException>(() => plan.Forward(x, 2, 2));
        Assert.That(error.Call, Is.EqualTo(Lt));
        plan.Forward(x, 2, 2);
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
    public void A_replayed_step_has_the_same_losses_as_kernels()
    {
        float[] joined = Losses(_library, out long replays);
        Assert.That(replays, Is.Positive);
        Assert.That(joined, Is.EqualTo(Losses(Gpu, out _)));

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
    private (long Kernels, long Products, long Joined) Calls(CudaBackend on, SelfCheckModel model)
    {
        using Sequential made = model.Create();
        using Plan plan = made.Plan(on, 4, 2, Mode.Training);
        float[] x = new Draw(1).Uniform(4 * 2 * SelfCheckModel.Inputs);
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

    private static float[][] RunLayer(
        Backend on,
        int length,
        int batch,
        int inputs,
        int outputs,
        bool accumulate
    )
    {
        using var model = new Linear(inputs, outputs);
        using Plan plan = model.Plan(
            on,
            length,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true, Seed = 3 }
        );
        plan.Parameters.Write(new Draw(5).Uniform(plan.Parameters.Count));
        float[] x = new Draw(6).Uniform(length * batch * inputs);
        Tensor dy = on.Allocate(new Shape(length, batch, outputs), MemoryCategory.InputOutput);
        var results = new List<float[]>();
        for (int pass = 0; pass < (accumulate ? 2 : 1); pass++)
        {
            results.Add(plan.Forward(x, length, batch).ToArray());
            dy.Write(new Draw(7).Uniform(dy.Count));
            plan.Backward(dy, accumulate: pass > 0);
            results.Add(plan.InputGradient.ToArray());
            results.Add(plan.Gradients.ToArray());
        }
        dy.Storage.Dispose();
        return [.. results];
    }

    /// <summary>A tensor that is freed at the end of a block.</summary>
    private sealed class Tensors(Backend on, Shape shape) : IDisposable
    {
        public Tensor Tensor { get; } = on.Allocate(shape, MemoryCategory.InputOutput);

        public void Dispose() => Tensor.Storage.Dispose();
    }
}
