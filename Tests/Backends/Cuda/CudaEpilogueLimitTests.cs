using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;
using CudaContext = Sequor.Interop.CudaContext;

namespace Sequor.Tests.Cuda;

/// <summary>Where kernels add biases and sum up their gradients although cuBLASLt was asked for, and what is told of it.</summary>
[TestFixture]
[VirtualGpuOnly]
internal sealed class CudaEpilogueLimitTests : EpilogueFixture
{
    [Test]
    public void Packed_rows_and_smaller_batches_go_by_kernels_and_are_right()
    {
        float[] x = new Draw(1).Uniform(5 * 2 * Inputs);
        Assert.That(PackedRun(ByLibrary), Is.EqualTo(PackedRun(Gpu)));

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
                Is.EqualTo(on == ByLibrary ? 1 : 0),
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
        using Plan plan = model.Plan(ByLibrary, 2, 2, Mode.Training);
        using Storage place = ByLibrary.Allocate(64, MemoryCategory.InputOutput);
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
        using Plan plan = model.Plan(ByLibrary, 2, 2, Mode.Training);
        plan.Forward(new Draw(1).Uniform(2 * 2 * Inputs), 2, 2);
        plan.Backward(plan.Output);
        Assert.That(RequireVirtual().Counts.OfAll("cublasLt"), Is.Zero);
        Assert.That(ByLibrary.Choices.Select(c => c.Kind), Has.None.EqualTo(EpilogueTuning.Name));
    }

    [Test]
    public void A_shape_without_an_algorithm_goes_by_kernels_and_is_told()
    {
        Virtual!.Manners.NoEpilogue = shape =>
            shape.StartsWith("NT", StringComparison.Ordinal)
                ? cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED
                : null;
        using var model = new Linear(Inputs, 4);
        using Plan plan = model.Plan(ByLibrary, 2, 2, Mode.Training);
        Assert.That(
            plan.Fallbacks.Single(),
            Does.StartWith("bias gradient, tn 4 x 3 x 4: by a kernel, as ")
                .And.Contain("CUBLAS_STATUS_NOT_SUPPORTED")
        );
        plan.Forward(new Draw(1).Uniform(2 * 2 * Inputs), 2, 2);
        plan.Backward(plan.Output);
        Assert.That(Virtual.Counts.Of(Lt), Is.EqualTo(1));
        using Plan again = model.Plan(ByLibrary, 2, 2, Mode.Training);
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
        using Plan plan = model.Plan(ByLibrary, 2, 2, Mode.Evaluation);
        Virtual!.Refuse(Lt, (int)cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED, times: 1);
        float[] x = new Draw(1).Uniform(2 * 2 * Inputs);
        var error = Assert.Throws<CublasException>(() => plan.Forward(x, 2, 2));
        Assert.That(error.Call, Is.EqualTo(Lt));
        plan.Forward(x, 2, 2);
    }

    [Test]
    public void A_bias_in_memory_of_other_code_goes_by_a_kernel([Values] bool own)
    {
        // Nothing tells when other code frees it, and a descriptor would be kept.
        using DeviceBuffer<float> theirs = Context.Allocate<float>(64);
        using Storage ours = ByLibrary.Allocate(64, MemoryCategory.InputOutput);
        var bias = new Tensor(ours, 0, new Shape(4));
        if (!own)
            bias = ByLibrary.Wrap((nint)theirs.Handle.Value, new Shape(4));
        bias.Write([1, 2, 3, 4]);
        var product = new MatrixProduct
        {
            A = Ones(16, new Shape(2, 4)),
            B = Ones(32, new Shape(4, 4)),
            TransposeB = true,
            C = new Tensor(ours, 48, new Shape(2, 4)),
            Bias = bias,
        };
        Assert.That(ByLibrary.PlanProduct(product), Is.Null);
        ByLibrary.MatMul(product);
        Assert.That(product.C.ToArray(), Is.EqualTo(new float[] { 5, 6, 7, 8, 5, 6, 7, 8 }));
        Assert.That(RequireVirtual().Counts.Of(Lt), Is.EqualTo(own ? 1 : 0));
        bias.Storage.Dispose();

        Tensor Ones(int offset, Shape shape)
        {
            var tensor = new Tensor(ours, offset, shape);
            ByLibrary.Fill(tensor, 1f);
            return tensor;
        }
    }

    [Test]
    public void Sums_of_more_terms_than_can_be_compared_go_by_kernels_and_are_told()
    {
        var shape = new ProductShape(true, false, 1, 1, ProductTuning.MostTerms + 1);
        foreach (CudaBackend on in (CudaBackend[])[ByLibrary, Gpu])
        {
            using var epilogues = new CudaEpilogues(
                on,
                on == ByLibrary ? ProductEpilogue.Library : null
            );
            Assert.That(
                epilogues.Plan(shape, CuBlasLtEpilogue.Sums),
                on == ByLibrary ? Does.Contain("so many terms") : Is.Null
            );
        }
    }

    [Test]
    public void A_model_leaves_no_descriptor_and_the_next_one_finds_the_algorithm()
    {
        RequireVirtual().Counts.Reset();
        for (int i = 0; i < 3; i++)
        {
            using var model = new Linear(Inputs, 4);
            using Plan plan = model.Plan(ByLibrary, 2, 2, Mode.Evaluation);
            plan.Forward(new Draw(1).Uniform(2 * 2 * Inputs), 2, 2);
        }
        Assert.That(RequireVirtual().Counts.Of(Lt), Is.EqualTo(3));
        Assert.That(
            RequireVirtual().Counts.Of("cublasLtMatmulAlgoGetHeuristic"),
            Is.EqualTo(1),
            "an algorithm is kept"
        );
        Assert.That(
            RequireVirtual().LiveHandles().Keys,
            Has.None.EqualTo("cuBLASLt product descriptor")
        );
    }
}
