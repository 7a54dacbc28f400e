using System.Runtime.InteropServices;
using System.Text.Json;
using NUnit.Framework;
using Sequor.C;
using Sequor.Layers;

namespace Sequor.Tests.C;

/// <summary>Training, evaluation, streams, files and tensors by the C ABI give the bits that the library gives by itself.</summary>
[TestFixture]
internal sealed unsafe class TrainingTests : AbiFixture
{
    private const int T = 7;
    private const int B = 3;
    private const string Adam = """{"type":"adam","learning_rate":0.01,"clip":0.5}""";

    private readonly float[] _x = Draw(1, T * B * 2);
    private readonly float[] _y = Draw(2, B);

    [Test]
    public void Steps_are_those_of_the_library()
    {
        (float expectedLoss, float[] expectedParameters) = Expected();
        ulong backend = Cpu(2);
        ulong model = Model(Small);
        ulong plan = Plan(model, backend, T, B);
        ulong loss = Loss(plan);
        ulong adam = Optimizer(plan, Adam);
        ulong step;
        Right(Abi.sequor_step_create(loss, adam, &step));

        // By its parts, by a step, and with a clip given to each.
        Forward(plan, _x, T, B);
        SetTargets(loss, _y);
        Right(Abi.sequor_loss_backward(loss, 0));
        Right(Abi.sequor_optimizer_step(adam, 0));
        SetInput(plan, _x, T, B);
        Right(Abi.sequor_step_run(step));
        Right(Abi.sequor_loss_compute(loss));
        ulong gradient;
        Right(Abi.sequor_loss_gradient(loss, &gradient));
        Forward(plan, _x, T, B);
        Right(Abi.sequor_loss_compute(loss));
        Right(Abi.sequor_plan_backward_tensor(plan, gradient, 0));
        Right(Abi.sequor_optimizer_step(adam, 0.5f));

        float value;
        float norm;
        float rate;
        long steps;
        long skipped;
        long plain;
        Right(Abi.sequor_loss_value(loss, &value));
        Right(Abi.sequor_optimizer_gradient_norm(adam, &norm));
        Right(Abi.sequor_optimizer_step_count(adam, &steps));
        Right(Abi.sequor_optimizer_skipped_steps(adam, &skipped));
        Right(Abi.sequor_step_runs(step, null, &plain));
        Right(Abi.sequor_optimizer_learning_rate(adam, &rate));
        Assert.That(value, Is.EqualTo(expectedLoss));
        Assert.That((steps, skipped, plain, rate), Is.EqualTo((3, 0, 1, 0.01f)));
        Assert.That(norm, Is.GreaterThan(0).And.LessThan(100));
        Assert.That(Values(model).Values.SelectMany(v => v), Is.EqualTo(expectedParameters));

        Right(Abi.sequor_optimizer_set_learning_rate(adam, 0.5f));
        Right(Abi.sequor_optimizer_learning_rate(adam, &rate));
        Assert.That(rate, Is.EqualTo(0.5f));
        Free(
            tensor: gradient,
            step: step,
            optimizer: adam,
            loss: loss,
            plan: plan,
            model: model,
            backend: backend
        );
    }

    private (float Loss, float[] Parameters) Expected()
    {
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 });
        using var model = new Sequential(new Lstm(2, 4), new Last(4), new Linear(4, 1));
        using Plan plan = model.Plan(backend, T, B, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 0.01f) { MaxGradientNorm = 0.5f };
        for (int i = 0; i < 3; i++)
        {
            plan.Forward(_x, T, B);
            plan.Backward(loss.Compute(_y));
            adam.Step();
        }
        return (
            loss.ReadValue(),
            [.. model.NamedParameters().SelectMany(p => plan.Parameter(p.Name).ToArray())]
        );
    }

    [Test]
    public void Gradients_of_the_host_of_tensors_and_of_the_input_are_those_of_the_library()
    {
        float[] dy = Draw(3, T * B * 4);
        const string Lstm = """{"type":"lstm","input":2,"hidden":4}""";
        using Backend managed = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var lstm = new Lstm(2, 4);
        using Plan theirs = lstm.Plan(
            managed,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true, VariableLengths = true }
        );
        theirs.Forward(_x, T, B, [7, 2, 5]);
        // A pass may write over the gradient that it is given.
        fixed (float* at = (float[])dy.Clone())
            theirs.Backward(managed.Wrap((nint)at, new Shape(T, B, 4)));

        ulong backend = Cpu();
        ulong model = Model(Lstm);
        ulong plan = Plan(model, backend, T, B, lengths: true, inputGradient: true);
        int* lengths = stackalloc int[3] { 7, 2, 5 };
        int* shape = stackalloc int[3] { T, B, 2 };
        ulong x;
        ulong dx;
        ulong dw;
        fixed (float* values = _x)
        fixed (float* gradient = dy)
        fixed (byte* name = Text("weight_hh_l0"))
        {
            Right(Abi.sequor_tensor_wrap(backend, values, 3, shape, &x));
            Right(Abi.sequor_plan_forward_tensor(plan, x, lengths, 3));
            Right(Abi.sequor_plan_backward(plan, gradient, dy.Length, 0));
            Right(Abi.sequor_plan_input_gradient(plan, &dx));
            Right(Abi.sequor_plan_gradient(plan, name, &dw));
            Assert.That(Read(dw), Is.EqualTo(theirs.Gradient("weight_hh_l0").ToArray()));
            Assert.That(Read(dx), Is.EqualTo(theirs.InputGradient.ToArray()));
            Assert.That(Output(plan), Is.EqualTo(theirs.Output.ToArray()));
            // Twice the gradient, added up.
            Right(Abi.sequor_plan_forward_tensor(plan, x, lengths, 3));
            Right(Abi.sequor_plan_backward(plan, gradient, dy.Length, 1));
            float[] doubled = [.. theirs.Gradient("weight_hh_l0").ToArray().Select(v => 2 * v)];
            Assert.That(Read(dw), Is.EqualTo(doubled).Within(1e-6f));
            Refused(
                Abi.sequor_plan_backward(plan, gradient, dy.Length - 1, 0),
                Status.Argument,
                "[7, 3, 4] has 84 values, and its gradient 83"
            );
            Refused(
                Abi.sequor_plan_backward(plan, gradient, dy.Length, 2),
                Status.Argument,
                "'accumulate' is 2"
            );
        }
        Right(Abi.sequor_tensor_free(x));
        Right(Abi.sequor_tensor_free(dx));
        Right(Abi.sequor_tensor_free(dw));
        Free(plan: plan, model: model, backend: backend);
    }

    [Test]
    public void A_stream_goes_on_and_begins_anew()
    {
        ulong backend = Cpu();
        ulong model = Model("""{"type":"gru","input":2,"hidden":3}""");
        ulong whole = Plan(model, backend, T, B, mode: 1);
        ulong stream = Plan(model, backend, 1, B, mode: 2);
        Forward(whole, _x, T, B);
        float[] all = Output(whole);
        for (int round = 0; round < 2; round++)
        {
            for (int t = 0; t < T; t++)
            {
                Forward(stream, _x[(t * B * 2)..((t + 1) * B * 2)], 1, B);
                Assert.That(
                    Output(stream),
                    Is.EqualTo(all[(t * B * 3)..((t + 1) * B * 3)]).Within(1e-6f)
                );
            }
            Right(Abi.sequor_plan_reset(stream));
        }
        Refused(Abi.sequor_plan_reset(whole), Status.State);
        Right(Abi.sequor_plan_free(whole));
        Free(plan: stream, model: model, backend: backend);
    }

    [Test]
    public void Models_and_checkpoints_come_back_from_files()
    {
        string folder = Directory.CreateTempSubdirectory("sequor-c-").FullName;
        byte[] weights = Text(Path.Join(folder, "weights.safetensors"));
        byte[] state = Text(Path.Join(folder, "state.safetensors"));
        try
        {
            ulong backend = Cpu();
            ulong model = Model(Small);
            ulong plan = Plan(model, backend, T, B);
            ulong loss = Loss(plan);
            ulong adam = Optimizer(plan, Adam);
            Train(plan, loss, adam, 2);
            fixed (byte* file = weights)
                Right(Abi.sequor_model_save(model, file));
            fixed (byte* file = state)
                Right(Abi.sequor_checkpoint_save(file, plan, adam, 2, 0));
            Dictionary<string, float[]> saved = Values(model);
            Train(plan, loss, adam, 3);
            Dictionary<string, float[]> later = Values(model);

            ulong other = Model(Small);
            fixed (byte* file = weights)
            {
                Refused(Abi.sequor_model_load(other, file, 0), Status.State);
                Right(Abi.sequor_model_load(other, file, backend));
            }
            Assert.That(Values(other), Is.EqualTo(saved));
            ulong resumed = Plan(other, backend, T, B);
            ulong judge = Loss(resumed);
            ulong update = Optimizer(resumed, Adam);
            long position;
            fixed (byte* file = state)
                Right(Abi.sequor_checkpoint_load(file, resumed, update, &position));
            Assert.That(position, Is.EqualTo(2));
            Train(resumed, judge, update, 3);
            Assert.That(Values(other), Is.EqualTo(later));

            fixed (byte* file = state)
            {
                Right(Abi.sequor_checkpoint_load(file, resumed, 0, null));
                Assert.That(Values(other), Is.EqualTo(saved));
                Refused(
                    Abi.sequor_checkpoint_save(file, plan, update, 0, 0),
                    Status.Argument,
                    "another plan"
                );
                Refused(Abi.sequor_checkpoint_save(file, plan, adam, -1, 0), Status.Argument);
                Refused(Abi.sequor_model_load(model, file, 0), Status.File);
            }
            fixed (byte* file = Text(Path.Join(folder, "none.safetensors")))
                Refused(Abi.sequor_checkpoint_load(file, resumed, 0, null), Status.File);
            fixed (byte* file = Text(Path.Join(folder, "none", "weights.safetensors")))
                Refused(Abi.sequor_model_save(model, file), Status.File);
            fixed (byte* file = Text(""))
                Refused(Abi.sequor_model_save(model, file), Status.Argument, "'path' is empty");

            Right(Abi.sequor_optimizer_free(update));
            Right(Abi.sequor_loss_free(judge));
            Right(Abi.sequor_plan_free(resumed));
            Right(Abi.sequor_model_free(other));
            Free(optimizer: adam, loss: loss, plan: plan, model: model, backend: backend);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void Losses_and_optimizers_of_every_kind_train()
    {
        string[] optimizers =
        [
            """{"type":"sgd","learning_rate":0.02,"momentum":0.5}""",
            """{"type":"nesterov","learning_rate":0.02,"momentum":0.5}""",
            """{"type":"rmsprop","learning_rate":0.01,"smoothing":0.9,"epsilon":1e-6}""",
            """{"type":"adam","learning_rate":0.05,"beta1":0.8,"beta2":0.9,"epsilon":1e-6}""",
            """{"type":"adamw","learning_rate":0.05,"weight_decay":0.1,"beta1":0.8,"beta2":0.9,"epsilon":1e-6,"clip":10,"groups":[{"parameters":["0.bias"],"rate_factor":0.5,"decays":false}]}""",
        ];
        (string Loss, float[] Targets)[] losses =
        [
            ("""{"type":"mse"}""", [0.5f, -0.5f, 1, 0]),
            ("""{"type":"softmax_cross_entropy","ignore_index":-100}""", [1, -100]),
            ("""{"type":"binary_cross_entropy"}""", [1, 0, 0.5f, 1]),
        ];
        ulong backend = Cpu();
        foreach (string optimizer in optimizers)
        {
            foreach ((string judge, float[] targets) in losses)
            {
                ulong model = Model("""{"layers":[{"type":"linear","inputs":3,"outputs":2}]}""");
                ulong plan = Plan(model, backend, 1, 2);
                ulong loss = Loss(plan, judge);
                ulong update = Optimizer(plan, optimizer);
                var values = new List<float>();
                for (int i = 0; i < 5; i++)
                {
                    Forward(plan, [1, 2, 3, -1, 0.5f, 2], 1, 2);
                    SetTargets(loss, targets);
                    Right(Abi.sequor_loss_backward(loss, 0));
                    Right(Abi.sequor_optimizer_step(update, 0));
                    float value;
                    Right(Abi.sequor_loss_value(loss, &value));
                    values.Add(value);
                }
                Assert.That(values[^1], Is.LessThan(values[0]), $"{optimizer} {judge}");
                Free(optimizer: update, loss: loss, plan: plan, model: model);
            }
        }
        Free(backend: backend);
    }

    [Test]
    public void A_model_tells_and_takes_its_values()
    {
        ulong backend = Cpu();
        ulong model = Model(
            """{"layers":[{"type":"linear","inputs":3,"outputs":2},{"type":"batch_norm"}]}"""
        );
        int inputs;
        int outputs;
        long trained;
        int count;
        Right(Abi.sequor_model_channels(model, &inputs, &outputs));
        Right(Abi.sequor_model_parameter_count(model, &trained));
        Right(Abi.sequor_model_value_count(model, &count));
        Assert.That((inputs, outputs, trained, count), Is.EqualTo((3, 2, 12, 6)));
        int* sizes = stackalloc int[3];
        byte* name = stackalloc byte[64];
        int rank;
        int isTrained;
        Right(Abi.sequor_model_value(model, 0, name, 64, null, &rank, sizes, &isTrained));
        Assert.That(
            (Marshal.PtrToStringUTF8((nint)name), rank, sizes[0], sizes[1], sizes[2], isTrained),
            Is.EqualTo(("0.weight", 2, 2, 3, 1, 1))
        );
        Right(Abi.sequor_model_value(model, 5, name, 64, null, &rank, sizes, &isTrained));
        Assert.That(
            (Marshal.PtrToStringUTF8((nint)name), rank, sizes[0], isTrained),
            Is.EqualTo(("1.running_var", 1, 2, 0))
        );

        Right(Abi.sequor_model_initialize(model, backend, 5));
        float* values = stackalloc float[6] { 1, 2, 3, 4, 5, 6 };
        fixed (byte* weight = Text("0.weight"))
        {
            Right(Abi.sequor_model_write(model, weight, values, 6));
            Refused(
                Abi.sequor_model_write(model, weight, values, 5),
                Status.Argument,
                "6 values, not 5"
            );
            ulong tensor;
            Right(Abi.sequor_model_tensor(model, weight, &tensor));
            Assert.That(Read(tensor), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
            void* address;
            Right(Abi.sequor_tensor_address(tensor, &address));
            ((float*)address)[0] = 9;
            Right(Abi.sequor_tensor_free(tensor));
        }
        Assert.That(Values(model)["0.weight"][0], Is.EqualTo(9));
        Free(model: model, backend: backend);
    }

    [Test]
    public void Tensors_are_copied_and_written()
    {
        ulong backend = Cpu();
        int* sizes = stackalloc int[2] { 2, 3 };
        ulong a;
        ulong b;
        Right(Abi.sequor_tensor_create(backend, 2, sizes, &a));
        Assert.That(Read(a), Is.EqualTo(new float[6]));
        float* host = stackalloc float[6] { 1, 2, 3, 4, 5, 6 };
        Right(Abi.sequor_tensor_wrap(backend, host, 2, sizes, &b));
        Right(Abi.sequor_tensor_copy(b, a));
        Right(Abi.sequor_backend_synchronize(backend));
        Assert.That(Read(a), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
        int rank;
        int* shape = stackalloc int[3];
        Right(Abi.sequor_tensor_shape(a, &rank, shape));
        Assert.That((rank, shape[0], shape[1], shape[2]), Is.EqualTo((2, 2, 3, 1)));
        Right(Abi.sequor_tensor_free(a));
        Right(Abi.sequor_tensor_free(b));
        Free(backend: backend);
    }

    [Test]
    public void A_backend_tells_what_it_is()
    {
        ulong backend = Cpu();
        nuint size;
        Right(Abi.sequor_backend_info(backend, null, 0, &size));
        byte* buffer = stackalloc byte[(int)size];
        Right(Abi.sequor_backend_info(backend, buffer, size, &size));
        using JsonDocument info = JsonDocument.Parse(Marshal.PtrToStringUTF8((nint)buffer)!);
        Assert.That(info.RootElement.GetProperty("device").GetString(), Is.EqualTo("cpu"));
        Assert.That(info.RootElement.GetProperty("threads").GetInt32(), Is.EqualTo(1));
        Assert.That(info.RootElement.GetProperty("gpu").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Free(backend: backend);
        Assert.That(Abi.sequor_abi_version(), Is.EqualTo(Exports.AbiVersion));
        Assert.That(
            Marshal.PtrToStringUTF8((nint)Abi.sequor_version()),
            Does.Match(@"^\d+\.\d+\.\d+")
        );
        Assert.That(
            Marshal.PtrToStringUTF8((nint)Abi.sequor_status_name(2)),
            Is.EqualTo("SEQUOR_ERROR_HANDLE")
        );
        Assert.That(
            Marshal.PtrToStringUTF8((nint)Abi.sequor_status_name(-5)),
            Is.EqualTo("SEQUOR_ERROR_INTERNAL")
        );
    }

    private void Train(ulong plan, ulong loss, ulong optimizer, int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            Forward(plan, _x, T, B);
            SetTargets(loss, _y);
            Right(Abi.sequor_loss_backward(loss, 0));
            Right(Abi.sequor_optimizer_step(optimizer, 0));
        }
    }
}
