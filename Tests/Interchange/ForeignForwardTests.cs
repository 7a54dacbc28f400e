using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.Tests.Threads;

namespace Sequor.Tests.Interchange;

/// <summary>
/// Layers on other code's tensors, which begin at any float: outputs and gradients are bit for bit those of tensors of the backend. Kernels
/// that load several values at once, and engines that are promised alignment, take another way there.
/// </summary>
[TestFixture("cpu")]
[TestFixture("cuda")]
public sealed class ForeignForwardTests(string device) : ThreadFixture(device)
{
    private const int T = 5;
    private const int B = 3;

    [Test]
    public void A_step_is_that_of_own_memory(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind
    )
    {
        using Layer model = Models.Small(kind);
        Check(Backend, model, DlPackAccess.Write);
    }

    [Test]
    public void A_gradient_that_may_only_be_read_is_left_as_it_is(
        [Values("lstm", "tcn with skip", "lru", "linear")] string kind
    )
    {
        using Layer model = Models.Small(kind);
        Check(Backend, model, DlPackAccess.Read);
    }

    [Test]
    public void A_convolution_of_engines_is_done_by_products_where_its_input_is_not_aligned()
    {
        if (!IsCuda)
            return;
        var first = (CudaBackend)Backend;
        using var gpu = new CudaBackend(
            first.Context,
            first.Stream,
            new CudaOptions { Convolution = ConvolutionMethod.CuDnn }
        );
        using var model = new Tcn(4, [4, 4], 3);
        // Sums of another order: equal up to rounding.
        Check(gpu, model, DlPackAccess.Write, tolerance: 1e-5);
    }

    private static void Check(
        Backend backend,
        Layer model,
        DlPackAccess access,
        double tolerance = 0
    )
    {
        using Plan plan = model.Plan(
            backend,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        float[] x = new Draw(1).Uniform(T * B * model.InputSize);
        float[] dy = new Draw(2).Uniform(T * B * model.OutputSize);
        Step own = Own();
        for (int first = 0; first < 4; first++)
        {
            Step foreign = Run(first, access);
            Close(foreign.Y, own.Y, "y");
            Close(foreign.InputGradient, own.InputGradient, "dx");
            Close(foreign.Gradients, own.Gradients, "gradients");
        }

        void Close(float[] values, float[] wanted, string what) =>
            Assert.That(
                values,
                tolerance == 0 ? Is.EqualTo(wanted) : Is.EqualTo(wanted).Within(tolerance),
                what
            );

        Step Own()
        {
            using Storage ownX = backend.Allocate(x.Length, MemoryCategory.InputOutput);
            using Storage ownDy = backend.Allocate(dy.Length, MemoryCategory.InputOutput);
            Tensor input = ownX.View(new Shape(T, B, model.InputSize));
            Tensor gradient = ownDy.View(new Shape(T, B, model.OutputSize));
            input.Write(x);
            gradient.Write(dy);
            plan.Forward(input);
            plan.Backward(gradient);
            return Step.Of(plan);
        }

        Step Run(int first, DlPackAccess use)
        {
            using var lentX = new Lent(backend, x, first);
            using var lentDy = new Lent(backend, dy, first);
            using Producer ofX = lentX.Producer(backend, T, B, model.InputSize);
            using Producer ofDy = lentDy.Producer(backend, T, B, model.OutputSize);
            using (DlPackTensor takenX = ofX.Lend(backend))
            using (DlPackTensor takenDy = ofDy.Lend(backend, access: use))
            {
                plan.Forward(takenX.Tensor);
                plan.Backward(takenDy.Tensor);
            }
            Assert.That(lentX.Read(), Is.EqualTo(x), "the input is not written");
            float[] after = lentDy.Read();
            if (use == DlPackAccess.Read)
                Assert.That(after, Is.EqualTo(dy), "the gradient is not written");
            Assert.That((ofX.Deleted, ofDy.Deleted), Is.EqualTo((1, 1)));
            return Step.Of(plan);
        }
    }

    private readonly record struct Step(float[] Y, float[] InputGradient, float[] Gradients)
    {
        public static Step Of(Plan plan) =>
            new(plan.Output.ToArray(), plan.InputGradient.ToArray(), plan.Gradients.ToArray());
    }
}
