using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using Sequor.C;

namespace Sequor.Tests.C;

/// <summary>
/// What tests of the C ABI have in common: calls that must be right, calls that must be refused with a code and words, and that no handle is
/// left at the end of a test.
/// </summary>
[NonParallelizable]
internal abstract unsafe class AbiFixture
{
    protected const string Small =
        """{"layers":[{"type":"lstm","input":2,"hidden":4},{"type":"last"},{"type":"linear","outputs":1}]}""";

    private long _handles;

    [SetUp]
    public void CountHandles() => _handles = Abi.sequor_live_handles();

    [TearDown]
    public void NoHandleIsLeft() =>
        Assert.That(Abi.sequor_live_handles(), Is.EqualTo(_handles), "handles that were not freed");

    /// <summary>The thread's last error.</summary>
    protected static string LastWords => Marshal.PtrToStringUTF8((nint)Abi.sequor_last_error())!;

    /// <summary>Fails unless a call was right.</summary>
    protected static void Right(int status)
    {
        if (status != 0)
            Assert.Fail($"{(Status)status}: {LastWords}");
        Assert.That(LastWords, Is.Empty);
    }

    /// <summary>Fails unless a call was refused with a code, and with words that begin with a function's name.</summary>
    protected static void Refused(int status, Status expected, params string[] says)
    {
        string words = LastWords;
        Assert.That((Status)status, Is.EqualTo(expected), words);
        Assert.That(words, Does.Match("^sequor_[a-z_]+: "));
        foreach (string part in says)
            Assert.That(words, Does.Contain(part));
    }

    protected static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    protected static ulong Cpu(int threads = 1)
    {
        var options = new CpuOptionsStruct
        {
            StructSize = (uint)sizeof(CpuOptionsStruct),
            Threads = threads,
        };
        ulong backend;
        Right(Abi.sequor_backend_cpu(&options, &backend));
        return backend;
    }

    protected static ulong Model(string description)
    {
        ulong model;
        fixed (byte* text = Text(description))
            Right(Abi.sequor_model_create(text, &model));
        return model;
    }

    protected static ulong Plan(
        ulong model,
        ulong backend,
        int length,
        int batch,
        int mode = 0,
        bool lengths = false,
        bool inputGradient = false
    )
    {
        PlanOptionsStruct options = Options(length, batch, mode);
        options.VariableLengths = lengths ? 1 : 0;
        options.InputGradient = inputGradient ? 1 : 0;
        ulong plan;
        Right(Abi.sequor_plan_create(model, backend, &options, &plan));
        return plan;
    }

    protected static PlanOptionsStruct Options(int length, int batch, int mode = 0) =>
        new()
        {
            StructSize = (uint)sizeof(PlanOptionsStruct),
            MaxLength = length,
            MaxBatch = batch,
            Mode = mode,
        };

    protected static ulong Loss(ulong plan, string description = """{"type":"mse"}""")
    {
        ulong loss;
        fixed (byte* text = Text(description))
            Right(Abi.sequor_loss_create(plan, text, &loss));
        return loss;
    }

    protected static ulong Optimizer(ulong plan, string description)
    {
        ulong optimizer;
        fixed (byte* text = Text(description))
            Right(Abi.sequor_optimizer_create(plan, text, &optimizer));
        return optimizer;
    }

    protected static void SetInput(ulong plan, float[] x, int length, int batch)
    {
        fixed (float* values = x)
            Right(Abi.sequor_plan_set_input(plan, values, x.Length, length, batch, null, 0));
    }

    protected static void SetTargets(ulong loss, float[] targets)
    {
        fixed (float* values = targets)
            Right(Abi.sequor_loss_set_targets(loss, values, targets.Length, null, 0));
    }

    protected static void Forward(ulong plan, float[] x, int length, int batch)
    {
        fixed (float* values = x)
            Right(Abi.sequor_plan_forward(plan, values, x.Length, length, batch, null, 0));
    }

    protected static float[] Output(ulong plan)
    {
        int* sizes = stackalloc int[3];
        Right(Abi.sequor_plan_output_shape(plan, null, sizes));
        float[] values = new float[sizes[0] * sizes[1] * sizes[2]];
        fixed (float* places = values)
            Right(Abi.sequor_plan_read_output(plan, places, values.Length));
        return values;
    }

    protected static ulong OutputTensor(ulong plan)
    {
        ulong tensor;
        Right(Abi.sequor_plan_output(plan, &tensor));
        return tensor;
    }

    protected static float[] Read(ulong tensor)
    {
        int* sizes = stackalloc int[3];
        Right(Abi.sequor_tensor_shape(tensor, null, sizes));
        float[] values = new float[sizes[0] * sizes[1] * sizes[2]];
        fixed (float* places = values)
            Right(Abi.sequor_tensor_read(tensor, places, values.Length));
        return values;
    }

    /// <summary>All values of a model, one after the other, by their names.</summary>
    protected static Dictionary<string, float[]> Values(ulong model)
    {
        int count;
        Right(Abi.sequor_model_value_count(model, &count));
        var all = new Dictionary<string, float[]>();
        int* sizes = stackalloc int[3];
        byte* name = stackalloc byte[256];
        for (int i = 0; i < count; i++)
        {
            Right(Abi.sequor_model_value(model, i, name, 256, null, null, sizes, null));
            float[] values = new float[sizes[0] * sizes[1] * sizes[2]];
            fixed (float* places = values)
                Right(Abi.sequor_model_read(model, name, places, values.Length));
            all.Add(Marshal.PtrToStringUTF8((nint)name)!, values);
        }
        return all;
    }

    /// <summary>Frees what rests on something before that; 0 is nothing.</summary>
    protected static void Free(
        ulong tensor = 0,
        ulong step = 0,
        ulong optimizer = 0,
        ulong loss = 0,
        ulong plan = 0,
        ulong model = 0,
        ulong backend = 0
    )
    {
        Right(Abi.sequor_tensor_free(tensor));
        Right(Abi.sequor_step_free(step));
        Right(Abi.sequor_optimizer_free(optimizer));
        Right(Abi.sequor_loss_free(loss));
        Right(Abi.sequor_plan_free(plan));
        Right(Abi.sequor_model_free(model));
        Right(Abi.sequor_backend_free(backend));
    }

    protected static float[] Draw(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }
}
