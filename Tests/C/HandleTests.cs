using System.Reflection;
using NUnit.Framework;
using Sequor.C;

namespace Sequor.Tests.C;

/// <summary>
/// Handles that are freed, of another kind, made up or 0, and pointers that are null: every function refuses them by a code and words.
/// </summary>
[TestFixture]
internal sealed unsafe class HandleTests : AbiFixture
{
    private static readonly string[] Kinds =
    [
        "backend",
        "model",
        "plan",
        "loss",
        "optimizer",
        "step",
        "tensor",
        "x",
        "source",
        "destination",
        "gradient",
        "rows",
    ];

    private static readonly MethodInfo[] All = typeof(Abi).GetMethods(
        BindingFlags.Static | BindingFlags.Public
    );

    private static IEnumerable<string> WithHandles =>
        All.Where(m => m.GetParameters().Any(IsHandle)).Select(m => m.Name);

    [TestCaseSource(nameof(WithHandles))]
    public void A_handle_that_is_none_is_refused(string function)
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        Right(Abi.sequor_model_free(model));
        // Of a backend's functions a model is of another kind, of all others a backend is.
        bool ofBackend =
            All.Single(m => m.Name == function).GetParameters().First(IsHandle).Name == "backend";
        ulong other = ofBackend ? Model(Small) : backend;
        bool frees = function.EndsWith("_free", StringComparison.Ordinal);
        foreach (
            ulong bad in (ulong[])
                [0, 1, model, other, other + (1UL << 32), ulong.MaxValue, 0x1234_5678_0300_0000]
        )
        {
            int status = Call(function, bad);
            if (bad == 0 && frees)
            {
                Assert.That(status, Is.Zero, "there is nothing to free");
                continue;
            }
            Refused(status, Status.Handle, bad == 0 ? "is 0" : $"0x{bad:x16}");
            if (bad == other)
                Assert.That(
                    LastWords,
                    Does.Contain(
                        ofBackend
                            ? "is that of a model, not of a backend"
                            : "is that of a backend, not of"
                    )
                );
            else if (bad == model && function.StartsWith("sequor_model_", StringComparison.Ordinal))
                Assert.That(LastWords, Does.Contain("was freed already"));
        }
        if (ofBackend)
            Right(Abi.sequor_model_free(other));
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void Pointers_that_are_null_are_refused_by_every_function()
    {
        foreach (MethodInfo function in All.Where(m => m.GetParameters().Length > 0))
        {
            if (function.Name is "sequor_status_name")
                continue;
            object?[] nothing =
            [
                .. function
                    .GetParameters()
                    .Select(p => p.ParameterType.IsPointer ? Null(p) : Zero(p)),
            ];
            int status = (int)function.Invoke(null, nothing)!;
            if (function.Name.EndsWith("_free", StringComparison.Ordinal))
                Assert.That(status, Is.Zero, function.Name);
            else
                Assert.That(
                    (Status)status,
                    Is.AnyOf(Status.Argument, Status.Handle),
                    function.Name
                );
        }
    }

    [Test]
    public void Places_that_are_null_are_named()
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        PlanOptionsStruct options = Options(3, 2);
        ulong plan = Plan(model, backend, 3, 2);
        fixed (byte* text = Text(Small))
        {
            Refused(Abi.sequor_backend_cpu(null, null), Status.Argument, "'backend' is null");
            Refused(Abi.sequor_model_create(text, null), Status.Argument, "'model' is null");
            Refused(
                Abi.sequor_plan_create(model, backend, &options, null),
                Status.Argument,
                "'plan' is null"
            );
            ulong made = 7;
            Refused(Abi.sequor_model_create(null, &made), Status.Argument, "'description' is null");
            Assert.That(made, Is.Zero);
            Refused(
                Abi.sequor_plan_create(model, backend, null, &made),
                Status.Argument,
                "'options' is null"
            );
            Refused(Abi.sequor_model_read(model, null, null, 0), Status.Argument, "'name' is null");
            Refused(
                Abi.sequor_model_read(model, text, null, 4),
                Status.Argument,
                "'values' is null"
            );
            Refused(Abi.sequor_model_save(model, null), Status.Argument, "'path' is null");
            Refused(
                Abi.sequor_plan_forward(plan, null, 12, 3, 2, null, 0),
                Status.Argument,
                "'x' is null"
            );
            float* x = stackalloc float[12];
            Refused(
                Abi.sequor_plan_forward(plan, x, 12, 3, 2, null, 2),
                Status.Argument,
                "'lengths' is null"
            );
            Refused(
                Abi.sequor_plan_forward(plan, x, -1, 3, 2, null, 0),
                Status.Argument,
                "'x' is said to have -1 values"
            );
            Refused(
                Abi.sequor_plan_forward(plan, (float*)((byte*)x + 1), 12, 3, 2, null, 0),
                Status.Argument,
                "no multiple of 4"
            );
            Refused(
                Abi.sequor_plan_output_shape(plan, null, null),
                Status.State,
                "no forward pass"
            );
            Refused(Abi.sequor_tensor_wrap(backend, null, 1, (int*)x, &made), Status.Argument);
        }
        Right(Abi.sequor_plan_free(plan));
        Right(Abi.sequor_model_free(model));
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void A_place_that_is_used_again_gives_another_handle()
    {
        ulong first = Model(Small);
        Right(Abi.sequor_model_free(first));
        ulong second = Model(Small);
        Assert.That(second, Is.Not.EqualTo(first));
        Refused(Abi.sequor_model_free(first), Status.Handle, "was freed already");
        Right(Abi.sequor_model_free(second));
        Refused(Abi.sequor_model_free(second), Status.Handle, "was freed already");
    }

    [Test]
    public void Objects_are_freed_in_any_order_and_answer_closed_meanwhile()
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        ulong plan = Plan(model, backend, 3, 2);
        ulong loss = Loss(plan);
        ulong adam = Optimizer(plan, """{"type":"adam","learning_rate":0.01}""");
        ulong step;
        Right(Abi.sequor_step_create(loss, adam, &step));
        Forward(plan, Draw(1, 12), 3, 2);
        ulong output;
        Right(Abi.sequor_plan_output(plan, &output));
        ulong own;
        int size = 4;
        Right(Abi.sequor_tensor_create(backend, 1, &size, &own));
        Right(Abi.sequor_backend_free(backend));

        float* values = stackalloc float[12];
        ulong made;
        Refused(
            Abi.sequor_plan_forward(plan, values, 12, 3, 2, null, 0),
            Status.Closed,
            "freed already"
        );
        Refused(Abi.sequor_plan_output(plan, &made), Status.Closed);
        Refused(Abi.sequor_loss_backward(loss, 0), Status.Closed);
        Refused(Abi.sequor_optimizer_step(adam, 0), Status.Closed);
        Refused(Abi.sequor_step_run(step), Status.Closed);
        Refused(Abi.sequor_tensor_read(output, values, 2), Status.Closed);
        Refused(Abi.sequor_tensor_write(own, values, 4), Status.Closed);
        fixed (byte* name = Text("0.weight_ih_l0"))
            Refused(Abi.sequor_model_read(model, name, values, 12), Status.Closed);
        PlanOptionsStruct options = Options(3, 2);
        Refused(
            Abi.sequor_plan_create(model, backend, &options, &made),
            Status.Handle,
            "freed already"
        );

        Right(Abi.sequor_model_free(model));
        Right(Abi.sequor_tensor_free(own));
        Right(Abi.sequor_tensor_free(output));
        Right(Abi.sequor_plan_free(plan));
        Right(Abi.sequor_optimizer_free(adam));
        Right(Abi.sequor_step_free(step));
        Right(Abi.sequor_loss_free(loss));
    }

    // Every handle is the bad one; what else there is could be right.
    private static int Call(string function, ulong bad)
    {
        byte* room = stackalloc byte[4096];
        new Span<byte>(room, 4096).Clear();
        MethodInfo method = All.Single(m => m.Name == function);
        object?[] arguments =
        [
            .. method
                .GetParameters()
                .Select(p =>
                    p.ParameterType.IsPointer ? Pointer.Box(room, p.ParameterType)
                    : IsHandle(p) ? bad
                    : Zero(p)
                ),
        ];
        // A path that is empty would be refused before the handle is looked at.
        room[0] = (byte)'x';
        return (int)method.Invoke(null, arguments)!;
    }

    private static bool IsHandle(ParameterInfo parameter) =>
        parameter.ParameterType == typeof(ulong) && Kinds.Contains(parameter.Name);

    private static object Null(ParameterInfo parameter) =>
        Pointer.Box(null, parameter.ParameterType);

    private static object? Zero(ParameterInfo parameter) =>
        Activator.CreateInstance(parameter.ParameterType);
}
