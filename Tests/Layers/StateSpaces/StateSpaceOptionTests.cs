using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>What state spaces refuse, and how the softmax's length goes into what they give.</summary>
[TestFixture]
public sealed class StateSpaceOptionTests
{
    [Test]
    public void Options_that_are_none_are_told()
    {
        Refused(() => new S4D(2, 2, new S4DOptions { MinStep = 0 }), "0 < min <= max");
        Refused(() => new S4D(2, 2, new S4DOptions { MinStep = 0.5f }), "0.5 and 0.1");
        Refused(() => new Dss(2, 2, new DssOptions { MaxStep = float.NaN }), "NaN");
        Refused(
            () => new S4D(2, 2, new S4DOptions { Initialization = (S4DInitialization)9 }),
            "Inv, Lin, LegS or Real"
        );
        Refused(
            () => new S4D(2, 2, new S4DOptions { Discretization = (Discretization)9 }),
            "ZeroOrderHold or Bilinear"
        );
        Refused(() => new Dss(2, 2, new DssOptions { Kernel = (DssKernel)9 }), "Softmax or Exp");
        Refused(
            () => new S4D(2, 2, new S4DOptions { MaxStep = float.PositiveInfinity }),
            "and be finite"
        );
        Refused(() => new Dss(2, 2, new DssOptions { Length = 0 }), "at least 1");

        static void Refused(Func<Layer> make, string says) =>
            Assert.That(
                () => make(),
                Throws.InstanceOf<ArgumentException>().With.Message.Contain(says)
            );
    }

    [Test]
    public void What_cannot_stream_says_why()
    {
        Refused(new S4D(2, 2, new S4DOptions { Bidirectional = true }), "reverse direction");
        Refused(
            new Dss(2, 2, new DssOptions { Kernel = DssKernel.Exp, Bidirectional = true }),
            "reverse direction"
        );
        Refused(new Dss(2, 2), "DssOptions.Length");

        static void Refused(Layer layer, string says)
        {
            using (layer)
                Assert.That(
                    () => layer.Plan(Backends.Get(256, 1), 1, 1, Mode.Streaming),
                    Throws
                        .Exception.With.Message.Contain(says)
                        .Or.InnerException.Message.Contain(says)
                );
        }
    }

    [Test]
    public void A_softmax_without_length_is_over_the_steps_of_the_batch()
    {
        using var free = new Dss(3, 4);
        using var bound = new Dss(3, 4, new DssOptions { Length = 6 });
        float[] x = new Draw(1).Uniform(6 * 3);
        Assert.That(Run(free, 6), Is.EqualTo(Run(bound, 6)));
        Assert.That(Run(free, 4), Is.Not.EqualTo(Run(bound, 4)));
        // With a length the beginning of a sequence does not know how long it is.
        Assert.That(Run(bound, 4), Is.EqualTo(Run(bound, 6)[..(4 * 3)]));

        float[] Run(Layer model, int steps)
        {
            using Plan plan = model.Plan(Backends.Get(256, 1), 6, 1, Mode.Evaluation);
            return plan.Forward(x.AsSpan(0, steps * 3), steps, 1).ToArray();
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public void The_recurrences_rate_is_that_of_its_own_parameters(bool s4d)
    {
        using Layer model = s4d ? new S4D(2, 3) : new Dss(2, 3);
        string[] slow = s4d
            ? ["log_dt", "log_A_real", "A_imag"]
            : ["log_dt", "Lambda_re", "Lambda_im", "W"];
        using Plan plan = model.Plan(Backends.Get(256, 1), 2, 1, Mode.Training);
        string[] names = [.. model.NamedParameters().Select(named => named.Name)];
        float[][] before = [.. names.Select(name => plan.Parameter(name).ToArray())];
        using var adam = new AdamW(
            plan,
            0.1f,
            0.5f,
            groups: [s4d ? S4D.Recurrence(0) : Dss.Recurrence(0)]
        );
        plan.Forward([1, 2, 3, 4], 2, 1);
        using Storage ones = plan.Backend.Allocate(4, MemoryCategory.InputOutput);
        Tensor gradient = ones.View(plan.Output.Shape);
        gradient.Write([1, 1, 1, 1]);
        plan.Backward(gradient);
        adam.Step(1f);
        for (int i = 0; i < names.Length; i++)
            Assert.That(
                plan.Parameter(names[i]).ToArray().SequenceEqual(before[i]),
                Is.EqualTo(slow.Contains(names[i])),
                names[i]
            );
    }

    [Test]
    public void An_s4d_has_the_names_that_it_has_in_its_authors_code()
    {
        using var model = new Sequential(new S4D(2, 3));
        (IReadOnlyList<FileTensor> tensors, _) = TorchNames.Of(model, null);
        Assert.That(
            tensors.Select(tensor => tensor.Names.Single()),
            Is.EqualTo(
                new[]
                {
                    "0.kernel.log_dt",
                    "0.kernel.C",
                    "0.kernel.log_A_real",
                    "0.kernel.A_imag",
                    "0.D",
                }
            )
        );
    }
}
