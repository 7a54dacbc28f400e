using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>Whether kernels or cuBLASLt add biases is chosen for each shape that a plan has, by the times that the device takes.</summary>
[TestFixture]
public sealed class EpilogueTuningTests : TuningFixture
{
    private const string Lt = "cublasLtMatmul";

    [Test]
    public void The_faster_way_is_found_forward_and_backward(
        [Values] bool forward,
        [Values] bool backward
    )
    {
        Device.Effects = work =>
            work.Call == Lt
                ? new VirtualEffect
                {
                    Microseconds =
                        (work.Way.EndsWith("BIAS", StringComparison.Ordinal) ? forward : backward)
                            ? 1
                            : 90,
                }
            : work.Call == "cublasSgemm" ? new VirtualEffect { Microseconds = 20 }
            : null;
        using CudaBackend backend = Backend();
        using var model = new Linear(3, 5);
        using Plan plan = model.Plan(backend, 4, Batch, Mode.Training);
        Assert.That(
            Epilogues(backend),
            Is.EqualTo(
                new[]
                {
                    $"bias, nt 8 x 5 x 3: {(forward ? "library" : "kernels")} measured",
                    $"bias gradient, tn 5 x 3 x 8: {(backward ? "library" : "kernels")} measured",
                }
            )
        );
        Device.Counts.Reset();
        plan.Forward(new Draw(1).Uniform(4 * Batch * 3), 4, Batch);
        plan.Backward(plan.Output);
        Assert.That(Device.Counts.Of(Lt), Is.EqualTo((forward ? 1 : 0) + (backward ? 1 : 0)));
        Assert.That(plan.Fallbacks, Is.Empty);

        // The next one finds it in the file.
        using CudaBackend next = Backend();
        using var other = new Linear(3, 5);
        using Plan same = other.Plan(next, 4, Batch, Mode.Evaluation);
        Assert.That(Epilogues(next).Single(), Does.EndWith(" file"));
    }

    [Test]
    public void A_library_that_gets_a_value_or_a_sum_wrong_is_rejected([Values] bool sums)
    {
        Device.Effects = work =>
            work.Call == Lt
                ? new VirtualEffect
                {
                    Microseconds = 0.1,
                    IsWrong = work.Way.EndsWith("BGRADB", StringComparison.Ordinal) == sums,
                }
                : null;
        using CudaBackend backend = Backend();
        using var model = new Linear(3, 5);
        using Plan plan = model.Plan(backend, 4, Batch, Mode.Training);
        CudaChoice[] choices = [.. backend.Choices.Where(c => c.Kind == EpilogueTuning.Name)];
        Assert.That(
            choices.Select(c => c.Taken),
            Is.EqualTo(new[] { sums ? "library" : "kernels", sums ? "kernels" : "library" })
        );
        Assert.That(
            choices[sums ? 1 : 0].Refused["library"],
            Does.StartWith(
                $"{(sums ? "the bias's gradient" : "the product")} is off by 1 where 0 is allowed"
            )
        );
    }

    [Test]
    public void A_shape_without_an_algorithm_says_so()
    {
        Device.Manners.NoEpilogue = _ => Sequor.Native.cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED;
        using CudaBackend backend = Backend();
        using var model = new Linear(3, 5);
        using Plan plan = model.Plan(backend, 4, Batch, Mode.Evaluation);
        CudaChoice choice = backend.Choices.Single(c => c.Kind == EpilogueTuning.Name);
        Assert.That(choice.Taken, Is.EqualTo("kernels"));
        Assert.That(choice.Refused["library"], Does.Contain("CUBLAS_STATUS_NOT_SUPPORTED"));
        Assert.That(plan.Fallbacks, Is.Empty, "nobody asked for it");
    }

    [Test]
    public void Kernels_are_the_first_guess_and_either_can_be_forced()
    {
        foreach (
            (CudaOptions options, string expected) in ((CudaOptions, string)[])
                [
                    (Options with { Autotune = Autotune.Off }, "kernels guess"),
                    (Options with { Epilogue = ProductEpilogue.Kernels }, "kernels forced"),
                    (Options with { Epilogue = ProductEpilogue.Library }, "library forced"),
                ]
        )
        {
            using CudaBackend backend = Backend(options);
            using var model = new Linear(3, 5);
            using Plan plan = model.Plan(backend, 4, Batch, Mode.Evaluation);
            Assert.That(Epilogues(backend).Single(), Is.EqualTo($"bias, nt 8 x 5 x 3: {expected}"));
        }
        Assert.That(
            () => Backend(Options with { Epilogue = (ProductEpilogue)9 }),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Kernels, Library")
        );
    }

    private static IEnumerable<string> Epilogues(CudaBackend backend) =>
        backend
            .Choices.Where(c => c.Kind == EpilogueTuning.Name)
            .Select(c => $"{c.Shape}: {c.Taken} {c.How}");
}
