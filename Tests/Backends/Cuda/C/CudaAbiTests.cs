using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using Sequor.C;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.C;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>The C ABI on a GPU: by its number, on a caller's context, stream and pointers, with captured steps.</summary>
[TestFixture]
internal sealed unsafe class CudaAbiTests : CudaFixture
{
    private const int T = 5;
    private const int B = 2;

    private IDisposable? _standIn;
    private long _handles;

    [SetUp]
    public void Begin()
    {
        _standIn = CudaLibraries.StandIn(Libraries);
        _handles = Abi.sequor_live_handles();
    }

    [TearDown]
    public void Finish()
    {
        _standIn?.Dispose();
        Assert.That(Abi.sequor_live_handles(), Is.EqualTo(_handles), "handles that were not freed");
    }

    [Test]
    public void A_callers_context_stream_and_pointers_are_used_as_they_are()
    {
        float[] x = Draw(1, T * B * 3);
        float[] dy = Draw(2, T * B * 4);
        using var lstm = new Lstm(3, 4);
        using Plan expected = lstm.Plan(
            Cpu,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        expected.Forward(x, T, B);
        fixed (float* at = (float[])dy.Clone())
            expected.Backward(Cpu.Wrap((nint)at, new Shape(T, B, 4)));

        ulong backend;
        Right(
            Abi.sequor_backend_attach(
                (void*)Context.Handle.Value,
                (void*)Stream.Handle.Value,
                null,
                &backend
            )
        );
        using DeviceBuffer<float> theirX = Upload(x);
        using DeviceBuffer<float> theirDy = Upload(dy);
        using DeviceBuffer<float> theirY = Upload(new float[dy.Length]);
        ulong model = Model("""{"type":"lstm","input":3,"hidden":4}""");
        ulong plan = Plan(model, backend, inputGradient: true);
        ulong input = Wrap(backend, theirX, 3);
        ulong gradient = Wrap(backend, theirDy, 4);
        ulong place = Wrap(backend, theirY, 4);
        ulong output;
        ulong dx;
        Right(Abi.sequor_plan_forward_tensor(plan, input, null, 0));
        Right(Abi.sequor_plan_output(plan, &output));
        Right(Abi.sequor_tensor_copy(output, place));
        Right(Abi.sequor_plan_backward_tensor(plan, gradient, 0));
        Right(Abi.sequor_plan_input_gradient(plan, &dx));
        float[] y = new float[dy.Length];
        theirY.Span.CopyTo(y, Stream);
        Stream.Synchronize();
        float[] dxValues = new float[x.Length];
        fixed (float* places = dxValues)
            Right(Abi.sequor_tensor_read(dx, places, dxValues.Length));
        Assert.That(y, Is.EqualTo(expected.Output.ToArray()).Within(1e-5f));
        Assert.That(dxValues, Is.EqualTo(expected.InputGradient.ToArray()).Within(1e-5f));

        foreach (ulong tensor in (ulong[])[input, gradient, place, output, dx])
            Right(Abi.sequor_tensor_free(tensor));
        Right(Abi.sequor_plan_free(plan));
        Right(Abi.sequor_model_free(model));
        Right(Abi.sequor_backend_free(backend));
        // They are still the caller's.
        Stream.Synchronize();
    }

    [Test]
    public void A_step_is_captured_and_replayed_with_the_same_result()
    {
        var options = new CudaOptionsStruct
        {
            StructSize = (uint)sizeof(CudaOptionsStruct),
            SelfCheck = 2,
        };
        float[][] trained = new float[2][];
        for (int graphs = 0; graphs < 2; graphs++)
        {
            options.NoGraphs = 1 - graphs;
            ulong backend;
            Right(Abi.sequor_backend_cuda(0, &options, &backend));
            Assert.That(Info(backend), Does.StartWith("""{"device":"cuda:0","""));
            ulong model = Model(
                """{"layers":[{"type":"gru","input":3,"hidden":4},{"type":"last"},{"type":"linear","outputs":1}]}"""
            );
            ulong plan = Plan(model, backend);
            ulong loss;
            ulong sgd;
            ulong step;
            fixed (byte* text = Text("""{"type":"mse"}"""))
                Right(Abi.sequor_loss_create(plan, text, &loss));
            fixed (byte* text = Text("""{"type":"sgd","learning_rate":0.1,"momentum":0.9}"""))
                Right(Abi.sequor_optimizer_create(plan, text, &sgd));
            Right(Abi.sequor_step_create(loss, sgd, &step));
            for (int i = 0; i < 6; i++)
            {
                fixed (float* x = Draw(i, T * B * 3))
                    Right(Abi.sequor_plan_set_input(plan, x, T * B * 3, T, B, null, 0));
                fixed (float* y = Draw(i + 100, B))
                    Right(Abi.sequor_loss_set_targets(loss, y, B, null, 0));
                Right(Abi.sequor_step_run(step));
            }
            long replayed;
            long plain;
            Right(Abi.sequor_step_runs(step, &replayed, &plain));
            Assert.That((replayed, plain), Is.EqualTo(graphs == 1 ? (4, 2) : (0, 6)));
            trained[graphs] = new float[4];
            fixed (float* values = trained[graphs])
            fixed (byte* name = Text("2.weight"))
                Right(Abi.sequor_model_read(model, name, values, 4));
            Right(Abi.sequor_step_free(step));
            Right(Abi.sequor_optimizer_free(sgd));
            Right(Abi.sequor_loss_free(loss));
            Right(Abi.sequor_plan_free(plan));
            Right(Abi.sequor_model_free(model));
            Right(Abi.sequor_backend_free(backend));
        }
        Assert.That(trained[1], Is.EqualTo(trained[0]));
    }

    [Test]
    public void A_tensor_goes_to_other_code_and_back_on_the_device()
    {
        ulong backend;
        Right(
            Abi.sequor_backend_attach(
                (void*)Context.Handle.Value,
                (void*)Stream.Handle.Value,
                null,
                &backend
            )
        );
        int type;
        int id;
        long stream;
        Right(Abi.sequor_backend_dlpack_stream(backend, &type, &stream));
        Assert.That((type, stream), Is.EqualTo((2, (long)Stream.Handle.Value)));
        int size = 3;
        ulong tensor;
        ulong taken;
        Right(Abi.sequor_tensor_create(backend, 1, &size, &tensor));
        float* values = stackalloc float[3] { 1, 2, 3 };
        Right(Abi.sequor_tensor_write(tensor, values, 3));
        Right(Abi.sequor_tensor_device(tensor, &type, &id));
        Assert.That((type, id), Is.EqualTo((2, 0)));
        void* managed;
        Right(Abi.sequor_tensor_to_dlpack(tensor, 1, &stream, &managed));
        Right(Abi.sequor_tensor_free(tensor));
        Right(Abi.sequor_tensor_from_dlpack(backend, managed, 1, 0, null, &taken));
        new Span<float>(values, 3).Clear();
        Right(Abi.sequor_tensor_read(taken, values, 3));
        Assert.That(new Span<float>(values, 3).ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
        Right(Abi.sequor_tensor_free(taken));
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    [VirtualGpuOnly]
    public void What_is_no_context_or_device_is_refused()
    {
        ulong backend = 5;
        Assert.That(
            (Status)Abi.sequor_backend_attach(null, null, null, &backend),
            Is.EqualTo(Status.Argument)
        );
        Assert.That(backend, Is.Zero);
        Assert.That((Status)Abi.sequor_backend_cuda(7, null, &backend), Is.EqualTo(Status.Device));
        Assert.That(
            LastWords,
            Does.StartWith("sequor_backend_cuda: device cuda:7 is not available")
        );
    }

    private DeviceBuffer<float> Upload(float[] values)
    {
        DeviceBuffer<float> buffer = Context.Allocate<float>(values.Length);
        buffer.Span.CopyFrom(values, Stream);
        return buffer;
    }

    private static ulong Wrap(ulong backend, DeviceBuffer<float> buffer, int channels)
    {
        int* sizes = stackalloc int[3] { T, B, channels };
        ulong tensor;
        Right(Abi.sequor_tensor_wrap(backend, (void*)buffer.Handle.Value, 3, sizes, &tensor));
        return tensor;
    }

    private static ulong Model(string description)
    {
        ulong model;
        fixed (byte* text = Text(description))
            Right(Abi.sequor_model_create(text, &model));
        return model;
    }

    private static ulong Plan(ulong model, ulong backend, bool inputGradient = false)
    {
        var options = new PlanOptionsStruct
        {
            StructSize = (uint)sizeof(PlanOptionsStruct),
            MaxLength = T,
            MaxBatch = B,
            InputGradient = inputGradient ? 1 : 0,
        };
        ulong plan;
        Right(Abi.sequor_plan_create(model, backend, &options, &plan));
        return plan;
    }

    private static string Info(ulong backend)
    {
        nuint size;
        Right(Abi.sequor_backend_info(backend, null, 0, &size));
        byte* buffer = stackalloc byte[(int)size];
        Right(Abi.sequor_backend_info(backend, buffer, size, null));
        return Marshal.PtrToStringUTF8((nint)buffer)!;
    }

    private static float[] Draw(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static string LastWords => Marshal.PtrToStringUTF8((nint)Abi.sequor_last_error())!;

    private static void Right(int status)
    {
        if (status != 0)
            Assert.Fail($"{(Status)status}: {LastWords}");
    }
}
