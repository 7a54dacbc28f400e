using NUnit.Framework;
using Sequor.Layers;
using Sequor.Outside;
using Sequor.Tests.Support;

namespace Sequor.Tests.Strangers;

/// <summary>
/// What somebody's layer can do wrong: the error names the layer and what it did, nothing is left behind, and the plan can be used
/// on or says why not.
/// </summary>
[TestFixture("cpu")]
[TestFixture("cuda")]
public sealed class FaultyLayerTests(string device) : CudaFixture
{
    private const int T = 4;
    private const int B = 2;
    private const int C = 3;

    private static readonly TestCaseData[] Planned =
    [
        new(Fault.ThrowsPlanning, LayerPass.Planning, "no plan today"),
        new(Fault.HasNoPlan, LayerPass.Planning, "CreatePlan gave null"),
        new(
            Fault.SaysWrongShape,
            LayerPass.Planning,
            "says that its output is [2, 2, 2]; of 3 channels it must be [4, 2, 3]"
        ),
        new(Fault.HasTwoOutputs, LayerPass.Planning, "A layer has one output"),
        new(Fault.AsksForTheGradientOfABuffer, LayerPass.Planning, "kept is a buffer"),
        new(Fault.AsksForAForeignParameter, LayerPass.Planning, "foreign is among neither"),
        new(
            Fault.GivesWrongShape,
            LayerPass.Forward,
            "gives [2, 2, 3] where its output must be [4, 2, 3]"
        ),
        new(Fault.GivesNothing, LayerPass.Forward, "gives nothing where"),
        new(Fault.GivesScratch, LayerPass.Forward, "no slot that lasts"),
        new(
            Fault.MultipliesWrongShapes,
            LayerPass.Forward,
            "MatMul of a [4, 2, 3] and b [3] to c [4, 2, 3]"
        ),
        new(Fault.TakesAnAddress, LayerPass.Forward, "no address while its plan is made"),
        new(Fault.AllocatesForward, LayerPass.Forward, "a step allocates nothing"),
        new(Fault.ThrowsForward, LayerPass.Forward, "no forward today"),
        new(Fault.AllocatesBackward, LayerPass.Backward, "a step allocates nothing"),
        new(Fault.ThrowsBackward, LayerPass.Backward, "no backward today"),
        new(Fault.GivesNoInputGradient, LayerPass.Backward, "no gradient by its input [4, 2, 3]"),
        new(
            Fault.GivesWrongInputGradient,
            LayerPass.Backward,
            "gives a gradient [1, 1, 1] by its input [4, 2, 3]"
        ),
        new(Fault.GivesScratchBackward, LayerPass.Backward, "no place that lasts"),
    ];

    private static readonly TestCaseData[] Late =
    [
        new(Fault.GivesWrongShape, LayerPass.Forward, "where its output must be [3, 2, 3]"),
        new(Fault.GivesNothing, LayerPass.Forward, "gives nothing where"),
        new(Fault.MultipliesWrongShapes, LayerPass.Forward, "MatMul of a"),
        new(Fault.AllocatesForward, LayerPass.Forward, "a step allocates nothing"),
        new(Fault.ThrowsForward, LayerPass.Forward, "no forward today"),
        new(Fault.AllocatesBackward, LayerPass.Backward, "a step allocates nothing"),
        new(Fault.ThrowsBackward, LayerPass.Backward, "no backward today"),
        new(Fault.GivesNoInputGradient, LayerPass.Backward, "no gradient by its input [3, 2, 3]"),
        new(Fault.GivesWrongInputGradient, LayerPass.Backward, "gives a gradient [1, 1, 1]"),
    ];

    private Backend On => device == "cpu" ? Cpu : Gpu;

    private static Sequential Model(Faulty layer) =>
        new(new Linear(C, C), new Sequential(layer), new Linear(C, 2));

    [TestCaseSource(nameof(Planned))]
    public void A_layer_that_is_wrong_is_refused_when_it_is_planned(
        Fault fault,
        LayerPass pass,
        string message
    )
    {
        long before = On.Memory.CurrentBytes;
        var layer = new Faulty(C, fault);
        using Sequential model = Model(layer);

        LayerException? error = Assert.Throws<LayerException>(() =>
            model.Plan(On, T, B, Mode.Training)
        );

        Named(error!, layer, pass, "1.0", message);
        Assert.That(On.Memory.CurrentBytes, Is.EqualTo(before), "nothing is left behind");
        // A layer of it can be part of another model, and the backend goes on.
        using var other = new Sequential(model.Children[0].Layer);
        using Plan plan = other.Plan(On, T, B, Mode.Training);
        plan.Forward(X(T), T, B);
    }

    [Test]
    public void A_forgotten_gradient_is_named_when_it_is_planned()
    {
        long before = On.Memory.CurrentBytes;
        using Sequential model = Model(new Faulty(C, Fault.ForgetsItsGradient));
        Assert.That(
            () => model.Plan(On, T, B, Mode.Training),
            Throws
                .InvalidOperationException.With.Message.Contains("parameter 1.0.w [3]")
                .And.Message.Contains("Buffers")
        );
        Assert.That(On.Memory.CurrentBytes, Is.EqualTo(before));
        using Plan evaluation = model.Plan(On, T, B, Mode.Evaluation);
        evaluation.Forward(X(T), T, B);
    }

    [Test]
    public void A_model_that_is_one_layer_is_called_the_model()
    {
        using var model = new Faulty(C, Fault.ThrowsForward);
        LayerException? error = Assert.Throws<LayerException>(() =>
            model.Plan(On, T, B, Mode.Evaluation)
        );
        Assert.That(error!.Name, Is.Empty);
        Assert.That(
            error.Message,
            Is.EqualTo(
                "The forward pass of the model, a Faulty, failed for an input [4, 2, 3]. no forward today"
            )
        );
    }

    [TestCaseSource(nameof(Late))]
    public void A_layer_that_fails_later_leaves_a_plan_that_can_be_used(
        Fault fault,
        LayerPass pass,
        string message
    )
    {
        var layer = new Faulty(C, Fault.None);
        using Sequential model = Model(layer);
        using Plan plan = model.Plan(On, T, B, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        float[] targets = new float[3 * B * 2];
        float[] expected = Step(accumulate: false);
        long bytes = On.Memory.CurrentBytes;

        layer.Later = fault;
        LayerException? error = Assert.Throws<LayerException>(() => Step(accumulate: false));
        Named(error!, layer, pass, "1.0", message);
        Assert.That(On.Memory.CurrentBytes, Is.EqualTo(bytes));
        layer.Later = Fault.None;
        Assert.That(
            () => plan.Backward(loss.Gradient),
            Throws.InvalidOperationException.With.Message.Contains("needs a Forward before")
        );
        if (pass == LayerPass.Backward)
            Assert.That(
                () => Step(accumulate: true),
                Throws.InvalidOperationException.With.Message.Contains("failed part way")
            );
        Assert.That(Step(accumulate: false), Is.EqualTo(expected));
        Assert.That(Step(accumulate: true), Is.Not.EqualTo(expected));

        float[] Step(bool accumulate)
        {
            plan.Forward(X(3), 3, B);
            plan.Backward(loss.Compute(targets), accumulate);
            return plan.Gradients.ToArray();
        }
    }

    // Gradients of these blocks' filters lie over the filters, and those of a gate over the gate's input.
    [TestCase(false)]
    [TestCase(true)]
    public void A_backward_that_failed_below_layers_that_write_over_what_they_kept_wants_a_forward(
        bool gated
    )
    {
        var layer = new Faulty(C, Fault.None);
        using var model = new Sequential(
            layer,
            gated ? new LruBlock(C, 4) : new Tcn(C, [4, 4], kernel: 2),
            new Linear(gated ? C : 4, 2)
        );
        using Plan plan = model.Plan(On, T, B, Mode.Training);
        float[] slopes = new Draw(2).Uniform(T * B * 2);
        using Storage storage = On.Allocate(slopes.Length, MemoryCategory.InputOutput);
        var gradient = new Tensor(storage, 0, new Shape(T, B, 2));
        float[] expected = Step();

        layer.Later = Fault.ThrowsBackward;
        Assert.That(Step, Throws.TypeOf<LayerException>());
        layer.Later = Fault.None;
        Assert.That(
            () => plan.Backward(gradient),
            Throws.InvalidOperationException.With.Message.Contains(
                "needs a Forward before it: the last Backward failed"
            )
        );
        Assert.That(Step(), Is.EqualTo(expected));

        float[] Step()
        {
            plan.Forward(X(T), T, B);
            gradient.Write(slopes);
            plan.Backward(gradient);
            return plan.Gradients.ToArray();
        }
    }

    [Test]
    public void A_stream_that_failed_goes_on_only_from_a_state()
    {
        var layer = new Faulty(C, Fault.None);
        using var model = new Sequential(new Gru(C, C), layer);
        using Plan stream = model.Plan(On, 2, B, Mode.Streaming);
        float[] first = stream.Forward(X(2), 2, B).ToArray();
        StreamState state = stream.GetState();
        float[] second = stream.Forward(X(1), 1, B).ToArray();

        layer.Later = Fault.ThrowsForward;
        Assert.Throws<LayerException>(() => stream.Forward(X(1), 1, B));
        layer.Later = Fault.None;
        Assert.That(
            () => stream.Forward(X(1), 1, B),
            Throws.InvalidOperationException.With.Message.Contains("Reset it, or set a state")
        );
        Assert.That(() => stream.GetState(), Throws.InvalidOperationException);

        stream.SetState(state);
        Assert.That(stream.Forward(X(1), 1, B).ToArray(), Is.EqualTo(second));
        stream.Reset();
        Assert.That(stream.Forward(X(2), 2, B).ToArray(), Is.EqualTo(first));
    }

    [Test]
    public void A_failure_in_a_captured_step_names_the_layer_and_the_next_steps_go_on()
    {
        var layer = new Faulty(C, Fault.None);
        using Sequential model = Model(layer);
        using Plan plan = model.Plan(On, T, B, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var sgd = new Sgd(plan, learningRate: 0.01f);
        using var graph = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(T, B));
                plan.Backward(loss.Compute());
                sgd.Step();
            }
        );
        for (int i = 0; i < 8; i++)
        {
            plan.SetInput(X(T), T, B);
            loss.SetTargets(new float[T * B * 2]);
            // Where the step is captured.
            layer.Later = i == StepGraph.EagerSteps ? Fault.ThrowsBackward : Fault.None;
            if (layer.Later == Fault.None)
                graph.Run();
            else
                Assert.That(
                    graph.Run,
                    Throws.TypeOf<LayerException>().With.Message.Contains("layer 1.0, a Faulty")
                );
        }
        Assert.That(float.IsFinite(loss.ReadValue()));
    }

    private static void Named(
        LayerException error,
        Layer layer,
        LayerPass pass,
        string name,
        string message
    )
    {
        Assert.That(error.Layer, Is.SameAs(layer));
        Assert.That(error.Pass, Is.EqualTo(pass));
        Assert.That(error.Name, Is.EqualTo(name));
        Assert.That(error.Message, Does.Contain($"of layer {name}, a Faulty, failed"));
        Assert.That(error.Message, Does.Contain(message));
        Assert.That(error.InnerException, Is.Not.Null);
    }

    private static float[] X(int steps) => new Draw(1).Uniform(steps * B * C);
}
