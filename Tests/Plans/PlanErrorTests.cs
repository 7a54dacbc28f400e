using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>Plans made or used wrongly: each message names what was given and what is allowed.</summary>
public sealed class PlanErrorTests
{
    private const int Length = 5;
    private const int Batch = 3;

    private Sequential _model = null!;
    private Plan _training = null!;
    private Plan _evaluation = null!;

    private static Backend Backend => Backends.Get(256, 1);

    [SetUp]
    public void Begin()
    {
        _model = new Sequential(new Lstm(2, 4), new Linear(4, 3));
        _training = _model.Plan(Backend, Length, Batch, Mode.Training);
        _evaluation = _model.Plan(Backend, Length, Batch, Mode.Evaluation);
    }

    [TearDown]
    public void End()
    {
        _training.Dispose();
        _evaluation.Dispose();
        _model.Dispose();
    }

    [TestCase(0, 1, "maxLength", "0")]
    [TestCase(1, -3, "maxBatch", "-3")]
    public void A_limit_below_1_is_refused(int length, int batch, string name, string given) =>
        Refuse<ArgumentOutOfRangeException>(
            () => _model.Plan(Backend, length, batch, Mode.Training),
            name,
            given,
            "1"
        );

    [Test]
    public void A_mode_that_does_not_exist_is_refused() =>
        Refuse<ArgumentOutOfRangeException>(() => _model.Plan(Backend, 1, 1, (Mode)7), "mode", "7");

    [Test]
    public void No_backend_is_refused()
    {
        Refuse<ArgumentNullException>(() => _model.Plan(null!, 1, 1, Mode.Training), "backend");
        Refuse<ArgumentNullException>(() => _model.Initialize(null!), "backend");
    }

    [Test]
    public void Another_backend_than_the_parameters_is_refused()
    {
        Backend other = Backends.Get(256, 2);

        Refuse<InvalidOperationException>(
            () => _model.Plan(other, 1, 1, Mode.Training),
            "another backend"
        );
        Refuse<InvalidOperationException>(() => _model.Initialize(other), "another backend");
    }

    [Test]
    public void A_layer_of_another_model_is_refused()
    {
        // Its parameters have their places in the other model's block.
        Layer layer = _model.Children[1].Layer;
        using var other = new Sequential(layer);

        Refuse<InvalidOperationException>(
            () => other.Plan(Backend, 1, 1, Mode.Training),
            "0.weight",
            "another model"
        );
        Refuse<InvalidOperationException>(
            () => layer.Plan(Backend, 1, 1, Mode.Training),
            "weight",
            "another model"
        );
    }

    [Test]
    public void A_layer_of_a_disposed_model_is_free_again()
    {
        var layer = new Linear(2, 3);
        var first = new Sequential(new Linear(1, 2), layer);
        first.Initialize(Backend);
        first.Dispose();

        using var second = new Sequential(layer);

        Assert.That(() => second.Initialize(Backend), Throws.Nothing);
    }

    [TestCase(0, 1, "length", "0", "1 to 5")]
    [TestCase(6, 1, "length", "6", "1 to 5")]
    [TestCase(1, 0, "batch", "0", "1 to 3")]
    [TestCase(1, 4, "batch", "4", "1 to 3")]
    public void Sizes_beyond_the_plans_limits_are_refused(
        int length,
        int batch,
        string name,
        string given,
        string allowed
    )
    {
        float[] x = new float[Math.Max(0, length * batch * 2)];

        Refuse<ArgumentOutOfRangeException>(
            () => _training.Forward(x, length, batch),
            name,
            given,
            allowed
        );
        Refuse<ArgumentOutOfRangeException>(
            () => _training.Input(length, batch),
            name,
            given,
            allowed
        );
    }

    [TestCase(0)]
    [TestCase(11)]
    [TestCase(13)]
    public void An_input_of_another_number_of_values_is_refused(int count) =>
        Refuse<ArgumentException>(
            () => _training.Forward(new float[count], 3, 2),
            "[3, 2, 2]",
            "12",
            $"{count}"
        );

    [Test]
    public void An_input_of_another_shape_is_refused()
    {
        Refuse<ArgumentException>(() => _training.Forward(default), "[T, B, 2]", "empty");
        foreach (Shape shape in new[] { new Shape(4), new Shape(2, 2), new Shape(1, 1, 4) })
        {
            using Storage storage = Backend.Allocate(4, MemoryCategory.InputOutput);
            var x = new Tensor(storage, 0, shape);
            Refuse<ArgumentException>(() => _training.Forward(x), "[T, B, 2]", $"{shape}");
        }
    }

    [Test]
    public void An_input_on_another_backend_is_refused()
    {
        using Storage storage = Backends.Get(256, 2).Allocate(2, MemoryCategory.InputOutput);
        var x = new Tensor(storage, 0, new Shape(1, 1, 2));

        Refuse<ArgumentException>(() => _training.Forward(x), "another backend");
    }

    [Test]
    public void A_gradient_of_another_shape_is_refused()
    {
        _training.Forward(new float[12], 3, 2);
        using Storage storage = Backend.Allocate(18, MemoryCategory.InputOutput);

        Refuse<ArgumentException>(() => _training.Backward(default), "[3, 2, 3]", "empty");
        Refuse<ArgumentException>(
            () => _training.Backward(new Tensor(storage, 0, new Shape(2, 3, 3))),
            "[3, 2, 3]",
            "[2, 3, 3]"
        );
        // Refused is not done: the gradient may still come.
        Assert.That(
            () => _training.Backward(new Tensor(storage, 0, new Shape(3, 2, 3))),
            Throws.Nothing
        );
    }

    [Test]
    public void Backward_without_a_forward_pass_is_refused()
    {
        using Storage storage = Backend.Allocate(18, MemoryCategory.InputOutput);
        var gradient = new Tensor(storage, 0, new Shape(3, 2, 3));

        Refuse<InvalidOperationException>(() => _training.Backward(gradient), "Forward");
        _training.Forward(new float[12], 3, 2);
        _training.Backward(gradient);
        Refuse<InvalidOperationException>(() => _training.Backward(gradient), "Forward");
    }

    [Test]
    public void Training_with_a_plan_for_evaluation_is_refused()
    {
        Tensor y = _evaluation.Forward(new float[12], 3, 2);

        Refuse<InvalidOperationException>(() => _evaluation.Backward(y), "Mode.Training");
        Refuse<InvalidOperationException>(() => _evaluation.Gradient("1.weight"), "Mode.Training");
        Refuse<ArgumentException>(() => _ = new Adam(_evaluation, 0.1f), "Mode.Training");
    }

    [Test]
    public void An_unknown_parameter_is_refused_with_the_names_that_there_are()
    {
        Refuse<ArgumentException>(
            () => _training.Parameter("weight"),
            "'weight'",
            "0.weight_ih_l0",
            "1.bias"
        );
        Refuse<ArgumentException>(() => _training.Gradient("2.bias"), "'2.bias'", "1.bias");
    }

    private static void Refuse<TException>(Action act, params string[] says)
        where TException : Exception => Refusal.Of<TException>("", act, says).Check();
}
