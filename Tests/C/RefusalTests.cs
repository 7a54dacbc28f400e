using NUnit.Framework;
using Sequor.C;

namespace Sequor.Tests.C;

/// <summary>Losses and optimizers that there are not, and calls that do not fit what was done before.</summary>
[TestFixture]
internal sealed unsafe class RefusalTests : AbiFixture
{
    private const int T = 7;
    private const int B = 3;

    private readonly float[] _x = Draw(1, T * B * 2);

    [TestCase("""{"type":"adam"}""", "$: the key \"learning_rate\"")]
    [TestCase(
        """{"type":"lion","learning_rate":1}""",
        "$.type: \"lion\" was given; allowed: \"sgd\", \"nesterov\", \"rmsprop\", \"adam\", \"adamw\""
    )]
    [TestCase(
        """{"type":"sgd","learning_rate":1,"beta1":0.5}""",
        "$: there is no key \"beta1\" in an optimizer of type \"sgd\"; there are type, learning_rate, clip, groups, momentum"
    )]
    [TestCase("""{"type":"sgd","learning_rate":-1}""", "$: ")]
    [TestCase(
        """{"type":"sgd","learning_rate":"1"}""",
        "$.learning_rate: \"1\" was given; allowed: a number"
    )]
    [TestCase("""{"type":"sgd","learning_rate":1,"clip":0}""", "$.clip: ")]
    [TestCase(
        """{"type":"sgd","learning_rate":1,"groups":[{"parameters":["w"]}]}""",
        "$.groups[0].parameters[0]: \"w\" was given; allowed: a parameter of the model: 0.weight_ih_l0"
    )]
    [TestCase(
        """{"type":"sgd","learning_rate":1,"groups":[{"parameters":[]}]}""",
        "$: Group 0 contains no parameter"
    )]
    [TestCase(
        """{"type":"sgd","learning_rate":1,"groups":[{"parameters":["0.bias_ih_l0"],"rate_factor":-1}]}""",
        "$.groups[0]: "
    )]
    public void An_optimizer_that_is_none_is_refused(string description, string says)
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        ulong plan = Plan(model, backend, T, B);
        ulong made;
        fixed (byte* text = Text(description))
            Refused(Abi.sequor_optimizer_create(plan, text, &made), Status.Description, says);
        long before;
        Right(Abi.sequor_backend_memory(backend, &before, null));
        fixed (byte* text = Text(description))
            Refused(Abi.sequor_optimizer_create(plan, text, &made), Status.Description, says);
        long after;
        Right(Abi.sequor_backend_memory(backend, &after, null));
        Assert.That(after, Is.EqualTo(before), "nothing stays taken");
        Free(plan: plan, model: model, backend: backend);
    }

    [TestCase("""{"type":"mae"}""", "$.type: \"mae\" was given; allowed: \"mse\"")]
    [TestCase(
        """{"type":"mse","ignore_index":3}""",
        "$: there is no key \"ignore_index\" in a loss of type \"mse\""
    )]
    [TestCase(
        """{"type":"softmax_cross_entropy","ignore_index":0.5}""",
        "$.ignore_index: 0.5 was given"
    )]
    [TestCase("""["mse"]""", "$: an array was given; allowed: an object: a loss")]
    public void A_loss_that_is_none_is_refused(string description, string says)
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        ulong plan = Plan(model, backend, T, B);
        ulong made;
        fixed (byte* text = Text(description))
            Refused(Abi.sequor_loss_create(plan, text, &made), Status.Description, says);
        Free(plan: plan, model: model, backend: backend);
    }

    [Test]
    public void Calls_out_of_order_are_refused()
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        ulong training = Plan(model, backend, T, B);
        ulong evaluation = Plan(model, backend, T, B, mode: 1);
        ulong loss = Loss(training);
        ulong sgd = Optimizer(training, """{"type":"sgd","learning_rate":0.1}""");
        ulong judge = Loss(evaluation);
        ulong made;
        ulong step;
        float value;
        Right(Abi.sequor_step_create(loss, sgd, &step));
        Refused(Abi.sequor_step_create(judge, sgd, &made), Status.Argument, "different plans");
        Refused(Abi.sequor_step_run(step), Status.State, "sequor_plan_set_input");
        Refused(Abi.sequor_loss_backward(loss, 0), Status.State);
        Refused(Abi.sequor_loss_gradient(loss, &made), Status.State);
        Refused(Abi.sequor_plan_output(training, &made), Status.State);
        Refused(Abi.sequor_plan_input_gradient(training, &made), Status.State, "input_gradient");
        Refused(Abi.sequor_plan_backward(training, &value, 1, 0), Status.State);
        fixed (byte* text = Text("""{"type":"sgd","learning_rate":0.1}"""))
            Refused(
                Abi.sequor_optimizer_create(evaluation, text, &made),
                Status.Description,
                "$: "
            );
        fixed (float* x = _x)
        {
            Refused(
                Abi.sequor_plan_forward(training, x, _x.Length, T + 1, B, null, 0),
                Status.Argument
            );
            Refused(
                Abi.sequor_plan_forward(training, x, _x.Length - 1, T, B, null, 0),
                Status.Argument
            );
            int* lengths = stackalloc int[B] { 1, 2, 3 };
            Refused(
                Abi.sequor_plan_forward(training, x, _x.Length, T, B, lengths, B),
                Status.Argument,
                "Lengths need"
            );
        }
        Forward(evaluation, _x, T, B);
        Refused(Abi.sequor_plan_backward(evaluation, &value, 1, 0), Status.Argument);
        fixed (byte* name = Text("0.weight"))
        {
            Refused(
                Abi.sequor_plan_gradient(training, name, &made),
                Status.Argument,
                "0.weight_ih_l0"
            );
            Refused(Abi.sequor_model_tensor(model, name, &made), Status.Argument, "0.weight_ih_l0");
        }
        Refused(Abi.sequor_optimizer_step(sgd, -1), Status.Argument);
        Refused(Abi.sequor_optimizer_set_learning_rate(sgd, float.NaN), Status.Argument);
        ulong fresh = Model(Small);
        fixed (byte* name = Text("0.weight_ih_l0"))
            Refused(
                Abi.sequor_model_read(fresh, name, &value, 1),
                Status.State,
                "on no backend yet"
            );
        ulong other = Cpu();
        Refused(Abi.sequor_model_initialize(model, other, 1), Status.State, "another backend");
        int* shape = stackalloc int[3] { T, B, 2 };
        ulong elsewhere;
        Right(Abi.sequor_tensor_create(other, 3, shape, &elsewhere));
        Refused(
            Abi.sequor_plan_forward_tensor(training, elsewhere, null, 0),
            Status.Argument,
            "backend"
        );
        ulong here;
        Right(Abi.sequor_tensor_create(backend, 3, shape, &here));
        Refused(Abi.sequor_tensor_copy(here, elsewhere), Status.Argument, "another backend");
        Right(Abi.sequor_tensor_free(here));
        Right(Abi.sequor_tensor_free(elsewhere));
        Right(Abi.sequor_backend_free(other));
        Right(Abi.sequor_model_free(fresh));
        Right(Abi.sequor_loss_free(judge));
        Right(Abi.sequor_plan_free(evaluation));
        Free(
            step: step,
            optimizer: sgd,
            loss: loss,
            plan: training,
            model: model,
            backend: backend
        );
    }
}
