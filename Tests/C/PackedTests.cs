using NUnit.Framework;
using Sequor.C;
using Sequor.Layers;

namespace Sequor.Tests.C;

/// <summary>Packed rows, windows that carry states, and gradients in the output's place by the C ABI are those of the library.</summary>
[TestFixture]
internal sealed unsafe class PackedTests : AbiFixture
{
    private const int T = 5;
    private const int B = 3;
    private const int N = 9;
    private const string Gru =
        """{"layers":[{"type":"gru","input":2,"hidden":4},{"type":"linear","outputs":2}]}""";

    private readonly int[] _lengths = [5, 3, 1];
    private readonly float[] _rows = Draw(1, N * 2);
    private readonly float[] _dy = Draw(2, N * 2);
    private readonly float[] _x = Draw(3, T * B * 2);
    private readonly float[] _targets = Draw(4, T * B * 2);

    [TestCase(0)]
    [TestCase(2)]
    [TestCase(3)]
    public void Packed_rows_give_what_the_library_gives(int rank)
    {
        ulong backend = Cpu();
        ulong model = Model(Gru);
        ulong plan = Plan(model, backend, T, B, lengths: true, inputGradient: true);
        ulong rows = 0;
        fixed (int* lengths = _lengths)
        fixed (float* values = _rows)
        fixed (float* dy = _dy)
        {
            if (rank > 0)
            {
                int* sizes = stackalloc int[3] { N, rank == 2 ? 2 : 1, 2 };
                Right(Abi.sequor_tensor_wrap(backend, values, rank, sizes, &rows));
                Right(Abi.sequor_plan_forward_packed_tensor(plan, rows, lengths, B));
            }
            else
            {
                Right(Abi.sequor_plan_forward_packed(plan, values, N * 2, lengths, B));
            }
            float[] y = Output(plan);
            Right(Abi.sequor_plan_backward(plan, dy, N * 2, 0));
            ulong gradient;
            Right(Abi.sequor_plan_input_gradient(plan, &gradient));
            float[] dx = Read(gradient);
            Right(Abi.sequor_tensor_free(gradient));
            (float[] expected, float[] expectedDx) = Expected();
            Assert.That(y, Is.EqualTo(expected));
            Assert.That(dx, Is.EqualTo(expectedDx));
            Assert.That(dx, Has.Some.Not.Zero);
        }
        Free(tensor: rows, plan: plan, model: model, backend: backend);
    }

    private (float[] Output, float[] InputGradient) Expected()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Sequential(new Gru(2, 4), new Linear(4, 2));
        using Plan plan = model.Plan(
            backend,
            T,
            B,
            Mode.Training,
            new PlanOptions { VariableLengths = true, InputGradient = true }
        );
        float[] y = plan.ForwardPacked(_rows, _lengths).ToArray();
        using Storage place = backend.Allocate(N * 2, MemoryCategory.InputOutput);
        Tensor dy = place.View(plan.Output.Shape);
        dy.Write(_dy);
        plan.Backward(dy);
        return (y, plan.InputGradient.ToArray());
    }

    [Test]
    public void Packed_rows_that_do_not_fit_are_refused()
    {
        ulong backend = Cpu();
        ulong model = Model(Gru);
        ulong plan = Plan(model, backend, T, B, lengths: true);
        ulong whole = Plan(model, backend, T, B);
        ulong other = Cpu();
        int* sizes = stackalloc int[3] { N, 1, 2 };
        int* turned = stackalloc int[2] { 2, N };
        int* growing = stackalloc int[3] { 3, 5, 1 };
        int* none = stackalloc int[3] { 5, 4, 0 };
        int* many = stackalloc int[4] { 5, 2, 1, 1 };
        ulong rows;
        ulong elsewhere;
        ulong columns;
        fixed (int* lengths = _lengths)
        fixed (float* x = _rows)
        {
            Right(Abi.sequor_tensor_wrap(backend, x, 3, sizes, &rows));
            Right(Abi.sequor_tensor_wrap(other, x, 3, sizes, &elsewhere));
            Right(Abi.sequor_tensor_wrap(backend, x, 2, turned, &columns));
            Refused(
                Abi.sequor_plan_forward_packed_tensor(plan, columns, lengths, B),
                Status.Argument,
                "[2, 1, 9]"
            );
            Refused(Abi.sequor_plan_forward_packed(whole, x, N * 2, lengths, B), Status.Argument);
            Refused(
                Abi.sequor_plan_forward_packed_tensor(whole, rows, lengths, B),
                Status.Argument
            );
            foreach (int* wrong in (int*[])[growing, none])
            {
                Refused(Abi.sequor_plan_forward_packed(plan, x, N * 2, wrong, B), Status.Argument);
                Refused(
                    Abi.sequor_plan_forward_packed_tensor(plan, rows, wrong, B),
                    Status.Argument
                );
            }
            Refused(Abi.sequor_plan_forward_packed(plan, x, N * 2, many, 4), Status.Argument);
            Refused(
                Abi.sequor_plan_forward_packed(plan, x, N * 2 - 1, lengths, B),
                Status.Argument
            );
            Refused(Abi.sequor_plan_forward_packed(plan, x, N * 2, lengths, 2), Status.Argument);
            Refused(Abi.sequor_plan_forward_packed(plan, x, N * 2, null, 0), Status.Argument);
            Refused(
                Abi.sequor_plan_forward_packed(plan, x, N * 2, null, B),
                Status.Argument,
                "'lengths' is null"
            );
            Refused(
                Abi.sequor_plan_forward_packed(plan, null, N * 2, lengths, B),
                Status.Argument,
                "'rows' is null"
            );
            Refused(
                Abi.sequor_plan_forward_packed_tensor(plan, elsewhere, lengths, B),
                Status.Argument,
                "another backend"
            );
            Refused(Abi.sequor_plan_forward_packed_tensor(plan, plan, lengths, B), Status.Handle);
            Right(Abi.sequor_plan_forward_packed_tensor(plan, rows, lengths, B));
        }
        Free(tensor: rows, plan: plan);
        Right(Abi.sequor_tensor_free(columns));
        Free(tensor: elsewhere, plan: whole, model: model, backend: backend);
        Right(Abi.sequor_backend_free(other));
    }

    // Every layer carries, also one that sequor_plan_state has no states of.
    [Test]
    public void Windows_carry_the_states_of_every_layer_and_go_back_to_a_copy()
    {
        const string Lru = """{"type":"lru","input":2,"model":4,"state":4,"blocks":2}""";
        ulong backend = Cpu();
        ulong model = Model(Lru);
        PlanOptionsStruct options = Options(T, B) with { Carry = 1 };
        ulong plan;
        Right(Abi.sequor_plan_create(model, backend, &options, &plan));
        Forward(plan, _x, T, B);
        float[] first = Output(plan);
        ulong state;
        Right(Abi.sequor_plan_stream_state(plan, &state));
        Forward(plan, _x, T, B);
        float[] second = Output(plan);
        Assert.That(second, Is.Not.EqualTo(first));
        Right(Abi.sequor_plan_set_stream_state(plan, state));
        Forward(plan, _x, T, B);
        Assert.That(Output(plan), Is.EqualTo(second));
        Right(Abi.sequor_plan_reset(plan));
        Forward(plan, _x, T, B);
        Assert.That(Output(plan), Is.EqualTo(first));
        Refused(Abi.sequor_plan_carry_over(plan), Status.State, "it needs states");
        Right(Abi.sequor_stream_state_free(state));

        // The two windows are those of one sequence twice as long.
        ulong whole = Plan(model, backend, 2 * T, B);
        Forward(whole, [.. _x, .. _x], 2 * T, B);
        float[] both = Output(whole);
        for (int i = 0; i < both.Length; i++)
        {
            float window = i < first.Length ? first[i] : second[i - first.Length];
            Assert.That(Math.Abs(both[i] - window) <= 1e-5, $"value {i}: {both[i]}, {window}");
        }
        Free(plan: whole);
        Free(plan: plan, model: model, backend: backend);
    }

    [Test]
    public void A_gradient_in_the_output_takes_no_place_of_its_own_and_gives_the_same_gradients()
    {
        (long bytes, float[] gradient) = Learn(0);
        (long fewer, float[] same) = Learn(1);
        Assert.That(same, Is.EqualTo(gradient));
        Assert.That(fewer, Is.LessThan(bytes));
    }

    // A loss that has written its gradient over the output leaves the pass, whose gradients may be those of another function.
    [Test]
    public void A_gradient_of_the_caller_is_taken_behind_a_loss_that_wrote_over_the_output()
    {
        float[] expected = Gradient(inOutput: 0, computes: false, tensor: false);
        Assert.That(expected, Has.Some.Not.Zero);
        foreach (bool tensor in (bool[])[false, true])
        {
            Assert.That(Gradient(inOutput: 1, computes: true, tensor), Is.EqualTo(expected));
        }
    }

    private float[] Gradient(int inOutput, bool computes, bool tensor)
    {
        ulong backend = Cpu();
        ulong model = Model("""{"layers":[{"type":"linear","inputs":2,"outputs":2}]}""");
        PlanOptionsStruct options = Options(T, B) with { GradientInOutput = inOutput };
        ulong plan;
        Right(Abi.sequor_plan_create(model, backend, &options, &plan));
        ulong loss = Loss(plan);
        Forward(plan, _x, T, B);
        SetTargets(loss, _targets);
        if (computes)
            Right(Abi.sequor_loss_compute(loss));
        ulong given = 0;
        float[] dy = Draw(5, T * B * 2);
        ulong gradient;
        fixed (float* values = dy)
        fixed (byte* name = Text("0.weight"))
        {
            int* sizes = stackalloc int[3] { T, B, 2 };
            Right(Abi.sequor_tensor_wrap(backend, values, 3, sizes, &given));
            Right(
                tensor
                    ? Abi.sequor_plan_backward_tensor(plan, given, 0)
                    : Abi.sequor_plan_backward(plan, values, T * B * 2, 0)
            );
            Right(Abi.sequor_plan_gradient(plan, name, &gradient));
        }
        float[] found = Read(gradient);
        Right(Abi.sequor_tensor_free(given));
        Free(tensor: gradient, loss: loss, plan: plan, model: model, backend: backend);
        return found;
    }

    private (long Bytes, float[] Gradient) Learn(int inOutput)
    {
        ulong backend = Cpu();
        ulong model = Model(
            """{"layers":[{"type":"linear","inputs":2,"outputs":2},{"type":"linear","outputs":2}]}"""
        );
        PlanOptionsStruct options = Options(T, B) with { GradientInOutput = inOutput };
        ulong plan;
        Right(Abi.sequor_plan_create(model, backend, &options, &plan));
        ulong loss = Loss(plan);
        long bytes;
        Right(Abi.sequor_backend_memory(backend, &bytes, null));
        Forward(plan, _x, T, B);
        SetTargets(loss, _targets);
        Assert.That(Output(plan), Has.Some.Not.Zero);
        Right(Abi.sequor_loss_backward(loss, 0));
        ulong output = 9;
        ulong gradient;
        float* places = stackalloc float[T * B * 2];
        if (inOutput == 1)
        {
            const string Says = "written the gradient over the plan's output (gradient_in_output)";
            Refused(Abi.sequor_plan_output(plan, &output), Status.State, Says);
            Assert.That(output, Is.Zero);
            Refused(Abi.sequor_plan_read_output(plan, places, T * B * 2), Status.State, Says);
            int* sizes = stackalloc int[3];
            Refused(Abi.sequor_plan_output_shape(plan, null, sizes), Status.State, Says);
            Refused(
                Abi.sequor_plan_backward(plan, places, T * B * 2, 0),
                Status.State,
                "Backward needs a Forward before it"
            );
        }
        Right(Abi.sequor_loss_gradient(loss, &gradient));
        Right(Abi.sequor_tensor_free(gradient));
        fixed (byte* name = Text("0.weight"))
            Right(Abi.sequor_plan_gradient(plan, name, &gradient));
        float[] values = Read(gradient);
        Free(tensor: gradient, loss: loss, plan: plan, model: model, backend: backend);
        return (bytes, values);
    }
}
