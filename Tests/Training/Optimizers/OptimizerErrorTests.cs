using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Optimizers;

/// <summary>Rates, decays, groups and clips that an optimizer refuses, and the words in which it says so.</summary>
public sealed class OptimizerErrorTests
{
    private Linear _model = null!;
    private Plan _plan = null!;

    [SetUp]
    public void Begin()
    {
        _model = new Linear(2, 3);
        _plan = _model.Plan(Backends.Get(256, 1), 4, 2, Mode.Training);
    }

    [TearDown]
    public void End()
    {
        _plan.Dispose();
        _model.Dispose();
    }

    [TestCase(-0.5f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_learning_rate_that_is_none_is_refused(float rate)
    {
        using var optimizer = new Sgd(_plan, 0.1f);

        Refuse(() => _ = new Sgd(_plan, rate), "learningRate", $"{rate}", "finite and at least 0");
        Refuse(() => _ = new RmsProp(_plan, rate), $"{rate}", "finite and at least 0");
        Refuse(() => _ = new Adam(_plan, rate), $"{rate}", "finite and at least 0");
        Refuse(() => _ = new AdamW(_plan, rate), $"{rate}", "finite and at least 0");
        Refuse(() => optimizer.LearningRate = rate, $"{rate}", "finite and at least 0");
        Assert.That(optimizer.LearningRate, Is.EqualTo(0.1f));
    }

    [TestCase(-0.1f)]
    [TestCase(1f)]
    [TestCase(float.NaN)]
    public void A_smoothing_outside_0_to_1_is_refused(float value)
    {
        Refuse(
            () => _ = new Sgd(_plan, 0.1f, value),
            "momentum",
            $"{value}",
            "at least 0 and below 1"
        );
        Refuse(() => _ = new RmsProp(_plan, 0.1f, value), "smoothing", $"{value}", "below 1");
        Refuse(() => _ = new Adam(_plan, 0.1f, value), "beta1", $"{value}", "below 1");
        Refuse(() => _ = new Adam(_plan, 0.1f, 0.9f, value), "beta2", $"{value}", "below 1");
        Refuse(() => _ = new AdamW(_plan, 0.1f, 0f, value), "beta1", $"{value}", "below 1");
        Refuse(() => _ = new AdamW(_plan, 0.1f, 0f, 0.9f, value), "beta2", $"{value}", "below 1");
    }

    [TestCase(-0.01f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_weight_decay_that_is_none_is_refused(float value) =>
        Refuse(
            () => _ = new AdamW(_plan, 0.1f, value),
            "weightDecay",
            $"{value}",
            "finite and at least 0"
        );

    [TestCase(-0.5f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_rate_factor_that_is_none_is_refused(float value) =>
        Refuse(
            () => _ = new ParameterGroup(_ => true, value),
            "rateFactor",
            $"{value}",
            "finite and at least 0"
        );

    [Test]
    public void Groups_that_do_not_fit_the_model_are_refused_and_take_no_memory()
    {
        long before = _plan.Backend.Memory.CurrentBytes;
        var all = new ParameterGroup(_ => true);
        var bias = new ParameterGroup(p => p.Name == "bias");
        var none = new ParameterGroup(p => p.Name == "beta");

        RefuseGroups([all, bias], "bias", "0 and 1", "may be in one");
        RefuseGroups([bias, none], "Group 1", "weight, bias");
        RefuseGroups([bias, null!], "Group 1", "null");
        Refusal
            .Of<ArgumentNullException>("", () => _ = new ParameterGroup(null!), "contains")
            .Check();
        Assert.That(_plan.Backend.Memory.CurrentBytes, Is.EqualTo(before));
    }

    private void RefuseGroups(ParameterGroup[] groups, params string[] says)
    {
        foreach (
            Action act in new Action[]
            {
                () => _ = new Sgd(_plan, 0.1f, groups: groups),
                () => _ = new RmsProp(_plan, 0.1f, groups: groups),
                () => _ = new Adam(_plan, 0.1f, groups: groups),
                () => _ = new AdamW(_plan, 0.1f, groups: groups),
            }
        )
            Refusal.Of<ArgumentException>("", act, says).Check();
    }

    [TestCase(0f)]
    [TestCase(-1e-8f)]
    [TestCase(float.NaN)]
    public void An_epsilon_that_is_not_above_0_is_refused(float value)
    {
        Refuse(() => _ = new RmsProp(_plan, 0.1f, 0.9f, value), "epsilon", $"{value}", "above 0");
        Refuse(
            () => _ = new Adam(_plan, 0.1f, 0.9f, 0.99f, value),
            "epsilon",
            $"{value}",
            "above 0"
        );
        Refuse(
            () => _ = new AdamW(_plan, 0.1f, 0f, 0.9f, 0.99f, value),
            "epsilon",
            $"{value}",
            "above 0"
        );
    }

    [TestCase(0f)]
    [TestCase(-1f)]
    [TestCase(float.NaN)]
    public void A_largest_norm_that_is_not_above_0_is_refused(float clip)
    {
        using var optimizer = new Adam(_plan, 0.1f);

        Refuse(() => optimizer.Step(clip), "clip", $"{clip}", "above 0");
    }

    [Test]
    public void An_optimizer_without_a_plan_is_refused()
    {
        foreach (
            Action act in new Action[]
            {
                () => _ = new Sgd(null!, 0.1f),
                () => _ = new RmsProp(null!, 0.1f),
                () => _ = new Adam(null!, 0.1f),
                () => _ = new AdamW(null!, 0.1f),
            }
        )
            Refusal.Of<ArgumentNullException>("", act, "plan").Check();
    }

    private static void Refuse(Action act, params string[] says) =>
        Refusal.Of<ArgumentOutOfRangeException>("", act, says).Check();

    [Test]
    public void Parts_of_a_rule_that_do_not_go_together_are_refused()
    {
        Assert.That(
            () => new UpdateRule { Ahead = true }.Require(),
            Throws.ArgumentException.With.Message.Contains("look ahead")
        );
        Assert.That(
            () => new UpdateRule { Weight = 1, Decay = 0.1f }.Require(),
            Throws.ArgumentException.With.Message.Contains("can decay")
        );
    }
}
