using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>cuBLAS's mode is chosen for each shape of product that a plan has, by the times that the device takes.</summary>
[TestFixture]
public sealed class ProductTuningTests : TuningFixture
{
    private const string Product = "cublasSgemm";

    // What cuBLASLt multiplies is none of cuBLAS's products.
    private protected override CudaOptions Options =>
        base.Options with
        {
            Epilogue = ProductEpilogue.Kernels,
        };

    private static readonly Dictionary<string, string> Modes = new()
    {
        ["CUBLAS_DEFAULT_MATH"] = "default",
        ["CUBLAS_PEDANTIC_MATH"] = "pedantic",
        ["CUBLAS_TF32_TENSOR_OP_MATH"] = "tf32",
    };

    [Test]
    public void The_fastest_mode_is_found_whatever_the_times_are([Values] FloatMath math)
    {
        using CudaBackend backend = Backend(Options with { Math = math });
        int found = 0;
        for (int seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var times = Modes.Keys.ToDictionary(mode => mode, _ => 200 + 100 * random.NextDouble());
            Device.Effects = work =>
                work.Call == Product ? new VirtualEffect { Microseconds = times[work.Way] } : null;
            backend.PlanProduct(new ProductShape(seed % 2 == 0, false, 2 + seed, 3, 4));
            CudaChoice choice = backend.Choices[^1];
            string best = times
                .Where(t => math == FloatMath.Tf32 || Modes[t.Key] != "tf32")
                .MinBy(t => t.Value)
                .Key;
            found += choice.Taken == Modes[best] && choice.How == "measured" ? 1 : 0;
        }
        Assert.That(found, Is.EqualTo(100));
    }

    [Test]
    public void Products_of_all_passes_of_a_plan_are_chosen_for()
    {
        using CudaBackend backend = Backend();
        using var model = new Sequential(new Linear(3, 5), new Linear(5, 2));
        using Plan plan = model.Plan(backend, 4, Batch, Mode.Training);
        Assert.That(
            backend.Choices.Where(c => c.Kind == ProductTuning.Name).Select(c => c.Shape),
            Is.EqualTo(
                new[]
                {
                    // Two layers forward; by the second one's weights and input; by the first one's weights.
                    "nt 8 x 5 x 3",
                    "nt 8 x 2 x 5",
                    "tn 2 x 5 x 8",
                    "nn 8 x 5 x 2",
                    "tn 5 x 3 x 8",
                }
            )
        );
    }

    [Test]
    public void Steps_run_in_the_mode_that_was_chosen_and_other_shapes_in_the_first_guess()
    {
        // Pedantic is faster for sums of 3 terms alone, which the first layer has forward.
        Device.Effects = work =>
            work.Call != Product
                ? null
                : new VirtualEffect
                {
                    Microseconds =
                        work.Way
                        == "CUBLAS_PEDANTIC_MATH"
                        == work.Shape.EndsWith(" 3", StringComparison.Ordinal)
                            ? 1
                            : 50,
                };
        using CudaBackend backend = Backend();
        using var model = new Sequential(new Linear(3, 5), new Linear(5, 2));
        using Plan plan = model.Plan(backend, 4, Batch, Mode.Training);
        var ran = new List<string>();
        Device.Effects = work =>
        {
            if (work.Call == Product)
                ran.Add($"{Modes[work.Way]} {work.Shape}");
            return null;
        };
        plan.Forward(new Draw(1).Uniform(4 * Batch * 3), 4, Batch);
        Assert.That(ran, Is.EqualTo(new[] { "pedantic TN 5 8 3", "default TN 2 8 5" }));
        Device.Counts.Reset();
        plan.Forward(new Draw(1).Uniform(4 * Batch * 3), 4, Batch);
        Assert.That(Device.Counts.Of("cublasSetMathMode"), Is.EqualTo(2));
        ran.Clear();
        plan.Forward(new Draw(1).Uniform(2 * 3), 2, 1);
        Assert.That(ran, Is.EqualTo(new[] { "default TN 5 2 3", "default TN 2 2 5" }));
        Assert.That(Device.Counts.Of("cublasSetMathMode"), Is.EqualTo(2), "no mode has changed");
        var shape = new ProductShape(false, true, 8, 5, 3);
        cublasMath_t mode = default;
        Assert.That(Allocated.Least(() => mode = backend.ModeOf(shape)), Is.Zero);
        Assert.That(mode, Is.EqualTo(cublasMath_t.CUBLAS_PEDANTIC_MATH));
    }

    // Pedantic is faster for the rows of one step alone: calls of one step take it, and those of all steps do not.
    [Test]
    public void Products_of_a_stream_are_chosen_for_one_step_and_for_all()
    {
        Device.Effects = work =>
            work.Call != Product
                ? null
                : new VirtualEffect
                {
                    Microseconds =
                        work.Way
                        == "CUBLAS_PEDANTIC_MATH"
                        == work.Shape.Contains($" {Batch} ", StringComparison.Ordinal)
                            ? 1
                            : 50,
                };
        using CudaBackend backend = Backend();
        using var model = new Sequential(new Tcn(3, [5], 3));
        using Plan plan = model.Plan(backend, 7, Batch, Mode.Streaming);
        Assert.That(
            backend
                .Choices.Where(c =>
                    c.Kind == ProductTuning.Name
                    && c.Shape.EndsWith(" x 5 x 3", StringComparison.Ordinal)
                )
                .Select(c => $"{c.Shape} {c.Taken} {c.How}"),
            Is.SupersetOf(
                new[] { "nt 14 x 5 x 3 default measured", "nt 2 x 5 x 3 pedantic measured" }
            )
        );
        foreach ((int steps, string mode) in ((int, string)[])[(7, "default"), (1, "pedantic")])
        {
            var ran = new HashSet<string>();
            Device.Effects = work =>
            {
                if (work.Call == Product && work.Shape.EndsWith(" 3", StringComparison.Ordinal))
                    ran.Add($"{Modes[work.Way]} {work.Shape}");
                return null;
            };
            plan.Forward(new Draw(1).Uniform(steps * Batch * 3), steps, Batch);
            Assert.That(ran, Has.Some.EqualTo($"{mode} TN 5 {steps * Batch} 3"));
        }
    }

    [Test]
    public void A_mode_that_drops_a_term_is_rejected_exactly()
    {
        Device.Effects = work =>
            work.Call == Product
                ? new VirtualEffect
                {
                    Microseconds = work.Way == "CUBLAS_DEFAULT_MATH" ? 1 : 50,
                    IsWrong = work.Way == "CUBLAS_DEFAULT_MATH",
                }
                : null;
        using CudaBackend backend = Backend();
        backend.PlanProduct(new ProductShape(true, false, 7, 5, 5000));
        CudaChoice choice = backend.Choices.Single();
        Assert.That(choice.Taken, Is.EqualTo("pedantic"));
        Assert.That(
            choice.Refused["default"],
            Does.Contain("the product is off by 1 where 0 is allowed")
        );
    }

    [Test]
    public void A_mode_is_forced_for_all_products([Values] ProductMath mode)
    {
        FloatMath math = mode == ProductMath.Tf32 ? FloatMath.Tf32 : FloatMath.Fp32;
        using CudaBackend backend = Backend(Options with { Products = mode, Math = math });
        using var model = new Sequential(new Linear(3, 5));
        using Plan plan = model.Plan(backend, 4, Batch, Mode.Evaluation);
        var ran = new List<string>();
        Device.Effects = work =>
        {
            if (work.Call == Product)
                ran.Add(Modes[work.Way]);
            return null;
        };
        plan.Forward(new Draw(1).Uniform(4 * Batch * 3), 4, Batch);
        plan.Forward(new Draw(1).Uniform(3), 1, 1);
        Assert.That(ran, Is.EqualTo(Enumerable.Repeat(ProductTuning.NameOf(mode), 2)));
        Assert.That(
            backend.Choices.Single(c => c.Kind == ProductTuning.Name).How,
            Is.EqualTo("forced")
        );
    }

    [Test]
    public void Tf32_is_taken_only_where_it_is_asked_for()
    {
        Assert.That(
            () => Backend(Options with { Products = ProductMath.Tf32 }),
            Throws
                .ArgumentException.With.Message.Contains("CudaOptions.Math")
                .Or.Message.Contains("Math to be Tf32")
        );
        Device.Effects = work =>
            work.Call == Product
                ? new VirtualEffect { Microseconds = Modes[work.Way] == "tf32" ? 1 : 50 }
                : null;
        using CudaBackend backend = Backend();
        backend.PlanProduct(new ProductShape(false, false, 7, 5, 3));
        Assert.That(backend.Choices.Single().Microseconds.Keys, Has.None.EqualTo("tf32"));
    }

    [Test]
    public void Another_shape_in_a_step_is_not_measured()
    {
        using CudaBackend backend = Backend();
        using var model = new Sequential(new Linear(3, 5));
        using Plan plan = model.Plan(backend, 4, Batch, Mode.Training);
        plan.Forward(new Draw(1).Uniform(4 * Batch * 3), 4, Batch);
        Device.Counts.Reset();
        plan.Forward(new Draw(1).Uniform(3 * 3), 3, 1);
        Assert.That(Device.Counts.Of(Product), Is.EqualTo(1));
        Assert.That(Device.Counts.Of("cuEventRecord"), Is.Zero);
        Assert.That(
            backend.Choices.Where(c => c.Kind == ProductTuning.Name).ToArray(),
            Has.Length.EqualTo(2)
        );
    }

    [Test]
    public void A_handle_of_pedantic_and_default_gives_the_same_numbers()
    {
        float[][] results =
        [
            .. new[] { ProductMath.Default, ProductMath.Pedantic }.Select(mode =>
            {
                using CudaBackend backend = Backend(Options with { Products = mode });
                using var model = new Sequential(new Linear(30, 5));
                using Plan plan = model.Plan(backend, 4, Batch, Mode.Evaluation);
                return plan.Forward(new Draw(1).Uniform(4 * Batch * 30), 4, Batch).ToArray();
            }),
        ];
        Assert.That(results[0], Is.EqualTo(results[1]));
    }
}
