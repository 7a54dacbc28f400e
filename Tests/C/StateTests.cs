using NUnit.Framework;
using Sequor.C;
using Sequor.Layers;

namespace Sequor.Tests.C;

/// <summary>States of recurrent layers and of streams by the C ABI are those of the library, bit for bit.</summary>
[TestFixture]
internal sealed unsafe class StateTests : AbiFixture
{
    private const int T = 5;
    private const int B = 2;
    private const int Hidden = 4;

    private readonly float[] _x = Draw(1, T * B * 2);
    private readonly float[] _hidden = Draw(2, B * Hidden);
    private readonly float[] _cell = Draw(3, B * Hidden);
    private readonly float[] _dy = Draw(4, B);
    private readonly float[] _dh = Draw(5, B * Hidden);

    [Test]
    public void States_are_those_of_the_library()
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        PlanOptionsStruct options = Options(T, B);
        options.States = 1;
        ulong plan;
        Right(Abi.sequor_plan_create(model, backend, &options, &plan));
        Write(plan, 0, B, _hidden);
        Write(plan, 1, B, _cell);
        Forward(plan, _x, T, B);
        float[] first = Output(plan);
        Write(plan, 4, 0, _dh);
        fixed (float* dy = _dy)
            Right(Abi.sequor_plan_backward(plan, dy, B, 0));
        float[][] got = [first, Of(plan, 2), Of(plan, 3), Of(plan, 6), Of(plan, 7)];
        Right(Abi.sequor_plan_carry_over(plan));
        Forward(plan, _x, T, B);
        float[] carried = Output(plan);
        Right(Abi.sequor_plan_reset(plan));
        Forward(plan, _x, T, B);
        float[] reset = Output(plan);

        (float[][] expected, float[] expectedCarried, float[] expectedReset) = Expected();
        for (int i = 0; i < got.Length; i++)
            Assert.That(got[i], Is.EqualTo(expected[i]), $"values {i}");
        Assert.That(carried, Is.EqualTo(expectedCarried));
        Assert.That(reset, Is.EqualTo(expectedReset));
        Assert.That(carried, Is.Not.EqualTo(first));
        Assert.That(reset, Is.Not.EqualTo(first));
        Free(plan: plan, model: model, backend: backend);
    }

    private (float[][], float[] Carried, float[] Reset) Expected()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Sequential(
            new Lstm(2, Hidden),
            new Last(Hidden),
            new Linear(Hidden, 1)
        );
        using Plan plan = model.Plan(
            backend,
            T,
            B,
            Mode.Training,
            new PlanOptions { States = true, Seed = 1 }
        );
        RecurrentStates states = plan.States["0"];
        states.Initial(B).Hidden.Write(_hidden);
        states.Initial(B).Cell.Write(_cell);
        float[] y = plan.Forward(_x, T, B).ToArray();
        states.FinalGradient.Hidden.Write(_dh);
        using Storage place = backend.Allocate(B, MemoryCategory.InputOutput);
        Tensor dy = place.View(plan.Output.Shape);
        dy.Write(_dy);
        plan.Backward(dy);
        float[][] all =
        [
            y,
            states.Final.Hidden.ToArray(),
            states.Final.Cell.ToArray(),
            states.InitialGradient.Hidden.ToArray(),
            states.InitialGradient.Cell.ToArray(),
        ];
        plan.States.CarryOver();
        float[] carried = plan.Forward(_x, T, B).ToArray();
        plan.States.Reset();
        return (all, carried, plan.Forward(_x, T, B).ToArray());
    }

    [Test]
    public void States_that_are_not_there_are_refused()
    {
        ulong backend = Cpu();
        ulong model = Model(
            """{"layers":[{"type":"gru","input":2,"hidden":4},{"type":"linear","outputs":1}]}"""
        );
        ulong without = Plan(model, backend, T, B);
        ulong made = 9;
        fixed (byte* layer = Text("0"))
        fixed (byte* other = Text("1"))
        {
            Refused(
                Abi.sequor_plan_state(without, layer, 0, B, &made),
                Status.State,
                "it needs states when it is made"
            );
            Assert.That(made, Is.Zero);
            Refused(Abi.sequor_plan_carry_over(without), Status.State, "it needs states");
            PlanOptionsStruct options = Options(T, B);
            options.States = 2;
            ulong plan;
            Refused(
                Abi.sequor_plan_create(model, backend, &options, &plan),
                Status.Argument,
                "'states' is 2"
            );
            options.States = 1;
            Right(Abi.sequor_plan_create(model, backend, &options, &plan));
            Refused(Abi.sequor_plan_state(plan, other, 0, B, &made), Status.Argument);
            Refused(Abi.sequor_plan_state(plan, null, 0, B, &made), Status.Argument);
            Refused(Abi.sequor_plan_state(plan, layer, 8, 0, &made), Status.Argument, "which");
            Refused(Abi.sequor_plan_state(plan, layer, 0, B + 1, &made), Status.Argument);
            Refused(Abi.sequor_plan_state(plan, layer, 1, B, &made), Status.State, "only an LSTM");
            Refused(Abi.sequor_plan_state(plan, layer, 2, B, &made), Status.Argument, "must be 0");
            Refused(Abi.sequor_plan_state(plan, layer, 2, 0, &made), Status.State, "no pass");
            Refused(Abi.sequor_plan_carry_over(plan), Status.State);
            Refused(Abi.sequor_plan_state(plan, layer, 0, B, null), Status.Argument);
            Free(plan: plan);
        }
        Free(plan: without, model: model, backend: backend);
    }

    [Test]
    public void A_stream_goes_on_from_a_copy_of_its_state()
    {
        ulong backend = Cpu();
        ulong model = Model(
            """{"layers":[{"type":"gru","input":2,"hidden":4},{"type":"linear","outputs":1}]}"""
        );
        ulong plan = Plan(model, backend, T, B, mode: 2);
        ulong again = Plan(model, backend, T, B, mode: 2);
        Forward(plan, _x, T, B);
        ulong state;
        Right(Abi.sequor_plan_stream_state(plan, &state));
        Forward(plan, _x, T, B);
        float[] expected = Output(plan);
        Forward(plan, _x, T, B);
        Assert.That(Output(plan), Is.Not.EqualTo(expected));
        foreach (ulong one in (ulong[])[plan, again])
        {
            Right(Abi.sequor_plan_set_stream_state(one, state));
            Forward(one, _x, T, B);
            Assert.That(Output(one), Is.EqualTo(expected));
        }
        Refused(Abi.sequor_plan_set_stream_state(plan, plan), Status.Handle);
        ulong training = Plan(model, backend, T, B);
        ulong none = 9;
        Refused(Abi.sequor_plan_stream_state(training, &none), Status.State);
        Assert.That(none, Is.Zero);
        Refused(Abi.sequor_plan_stream_state(plan, null), Status.Argument);
        // A copy outlives what it was made of.
        Free(plan: plan);
        Right(Abi.sequor_plan_set_stream_state(again, state));
        Right(Abi.sequor_stream_state_free(state));
        Right(Abi.sequor_stream_state_free(0));
        Refused(Abi.sequor_stream_state_free(state), Status.Handle);
        Refused(Abi.sequor_plan_set_stream_state(again, state), Status.Handle);
        Free(plan: training);
        Free(plan: again, model: model, backend: backend);
    }

    private static void Write(ulong plan, int which, int batch, float[] values)
    {
        ulong tensor = StateOf(plan, which, batch);
        fixed (float* given = values)
            Right(Abi.sequor_tensor_write(tensor, given, values.Length));
        Right(Abi.sequor_tensor_free(tensor));
    }

    private static float[] Of(ulong plan, int which)
    {
        ulong tensor = StateOf(plan, which, 0);
        float[] values = Read(tensor);
        Right(Abi.sequor_tensor_free(tensor));
        return values;
    }

    private static ulong StateOf(ulong plan, int which, int batch)
    {
        ulong tensor;
        fixed (byte* layer = Text("0"))
            Right(Abi.sequor_plan_state(plan, layer, which, batch, &tensor));
        return tensor;
    }
}
