using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Reference;
using Sequor.Tests.Support;

namespace Sequor.Tests.Interop;

/// <summary>Convolutions by cuDNN's graph API.</summary>
public sealed class ConvolutionPlanTests : InteropFixture
{
    private static readonly ConvolutionShape[] Shapes =
    [
        new(1, 1, 1, 1, 1, 1),
        new(5, 2, 3, 4, 3, 2),
        new(4, 1, 4, 8, 2, 7),
        new(9, 3, 8, 4, 3, 1),
    ];

    private CuDnnHandle _handle = null!;

    [SetUp]
    public void Open() => _handle = CuDnnHandle.Create(Stream);

    [TearDown]
    public void Close() => _handle.Dispose();

    [TestCaseSource(nameof(Shapes))]
    public void Forward_is_the_causal_convolution(ConvolutionShape s)
    {
        float[] x = Numbers(s.InputCount, 1),
            w = Numbers(s.FilterCount, 2);
        float[] y = Run(ConvolutionKind.Forward, s, x, w, null);

        double[] expected = Forward(s, x, w);
        for (int i = 0; i < y.Length; i++)
            Assert.That(y[i], Is.EqualTo(expected[i]).Within(1e-5));
    }

    // The convolution is linear in x and in w, so that the gradients are the transposed maps.
    [TestCaseSource(nameof(Shapes))]
    public void The_data_gradient_is_the_transposed_map(ConvolutionShape s)
    {
        float[] w = Numbers(s.FilterCount, 2),
            dy = Numbers(s.OutputCount, 3);
        float[] dx = Run(ConvolutionKind.DataGradient, s, null, w, dy);
        for (int seed = 10; seed < 15; seed++)
        {
            float[] x = Numbers(s.InputCount, seed);
            Assert.That(
                Dot(dx, x.Select(v => (double)v)),
                Is.EqualTo(Dot(dy, Forward(s, x, w))).Within(1e-4)
            );
        }
    }

    [TestCaseSource(nameof(Shapes))]
    public void The_filter_gradient_is_the_transposed_map(ConvolutionShape s)
    {
        float[] x = Numbers(s.InputCount, 1),
            dy = Numbers(s.OutputCount, 3);
        float[] dw = Run(ConvolutionKind.FilterGradient, s, x, null, dy);
        for (int seed = 10; seed < 15; seed++)
        {
            float[] w = Numbers(s.FilterCount, seed);
            Assert.That(
                Dot(dw, w.Select(v => (double)v)),
                Is.EqualTo(Dot(dy, Forward(s, x, w))).Within(1e-4)
            );
        }
    }

    [Test]
    public void Engines_that_round_are_taken_only_where_they_may_be()
    {
        ConvolutionShape shape = new(16, 4, 8, 8, 3, 1);
        using var plain = ConvolutionPlan.Create(_handle, ConvolutionKind.Forward, shape);
        using var tf32 = ConvolutionPlan.Create(
            _handle,
            ConvolutionKind.Forward,
            shape,
            new() { AllowTf32 = true, AllowNondeterministic = true }
        );

        Assert.That(
            plain.Notes,
            Has.None.EqualTo(cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_TENSOR_CORE)
        );
        Assert.That(
            plain.Notes,
            Has.None.EqualTo(cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)
        );
        Assert.That(plain.Engine, Does.StartWith("engine "));
        TestContext.Out.WriteLine(
            $"fp32 {plain.Engine}, after {string.Join("; ", plain.Refusals)};"
                + $" TF32 {tf32.Engine}, {string.Join(", ", tf32.Notes)}"
        );
    }

    [Test]
    public void Where_no_engine_will_do_each_refusal_is_told()
    {
        ConvolutionShape shape = new(16, 4, 8, 8, 3, 1);
        var error = Assert.Throws<NotSupportedException>(() =>
            ConvolutionPlan.Create(
                _handle,
                ConvolutionKind.Forward,
                shape,
                new() { MaxWorkspaceBytes = -1 }
            )
        );

        Assert.That(error.Message, Does.Contain("no engine for Forward"));
        Assert.That(error.Message, Does.Contain("bytes of workspace; -1 are allowed"));
        Gpu.Refuse("cudnnBackendFinalize", (int)cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED);
        Assert.Throws<CudnnException>(() =>
            ConvolutionPlan.Create(_handle, ConvolutionKind.Forward, shape)
        );
    }

    [Test]
    public void Sizes_and_memory_are_checked()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            ConvolutionPlan.Create(_handle, ConvolutionKind.Forward, new(0, 1, 1, 1, 1, 1))
        );
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            ConvolutionPlan.Create(
                _handle,
                ConvolutionKind.Forward,
                new(1 << 20, 1 << 10, 4, 4, 1, 1)
            )
        );
        ConvolutionShape s = new(5, 2, 3, 4, 3, 2);
        using var plan = ConvolutionPlan.Create(_handle, ConvolutionKind.Forward, s);
        using var x = Context.Allocate<float>(s.InputCount + 1);
        using var w = Context.Allocate<float>(s.FilterCount);
        using var y = Context.Allocate<float>(s.OutputCount);
        using var scratch = Context.Allocate<byte>(plan.WorkspaceBytes + 16);
        long before = Gpu.Counts.OfAll("cudnn");

        Assert.Throws<ArgumentException>(() => plan.Execute(x.Slice(2), w, y, scratch));
        var error = Assert.Throws<ArgumentException>(() => plan.Execute(x.Slice(1), w, y, scratch));
        Assert.That(error.Message, Does.Contain("multiple of 16"));
        if (plan.WorkspaceBytes > 0)
            Assert.Throws<ArgumentException>(() => plan.Execute(x, w, y, default));
        Assert.That(Gpu.Counts.OfAll("cudnn"), Is.EqualTo(before));
        plan.Dispose();
        Assert.Throws<ObjectDisposedException>(() => plan.Execute(x, w, y, scratch));
    }

    [Test]
    public void A_second_run_with_the_same_memory_is_one_call_and_allocates_nothing()
    {
        ConvolutionShape s = new(5, 2, 3, 4, 3, 2);
        using var plan = ConvolutionPlan.Create(_handle, ConvolutionKind.Forward, s);
        using var x = Upload(Numbers(s.InputCount, 1));
        using var w = Upload(Numbers(s.FilterCount, 2));
        using var y = Context.Allocate<float>(s.OutputCount);
        using var scratch = Context.Allocate<byte>(plan.WorkspaceBytes + 16);
        plan.Execute(x, w, y, scratch);
        long calls = Gpu.Counts.OfAll("cudnn");
        plan.Execute(x, w, y, scratch);

        Assert.That(Gpu.Counts.OfAll("cudnn"), Is.EqualTo(calls + 1));
        using var other = Context.Allocate<float>(s.OutputCount);
        plan.Execute(x, w, other, scratch);
        Assert.That(other.Span.ToArray(Stream), Is.EqualTo(y.Span.ToArray(Stream)));
    }

    private float[] Run(
        ConvolutionKind kind,
        ConvolutionShape s,
        float[]? x,
        float[]? w,
        float[]? y
    )
    {
        using var plan = ConvolutionPlan.Create(_handle, kind, s);
        using var deviceX = Given(x, s.InputCount);
        using var deviceW = Given(w, s.FilterCount);
        using var deviceY = Given(y, s.OutputCount);
        using var scratch = Context.Allocate<byte>(plan.WorkspaceBytes + 1);
        plan.Execute(deviceX, deviceW, deviceY, scratch);
        return (
            x is null ? deviceX
            : w is null ? deviceW
            : deviceY
        ).Span.ToArray(Stream);
    }

    private DeviceBuffer<float> Given(float[]? values, long count) =>
        values is null ? Context.Allocate<float>(count) : Upload(values);

    /// <summary>The naive one; its filter is [outputs, inputs, k], cuDNN's [outputs, k, inputs].</summary>
    private static double[] Forward(ConvolutionShape s, float[] x, float[] w)
    {
        var turned = new double[w.Length];
        for (int o = 0; o < s.Outputs; o++)
        for (int r = 0; r < s.Kernel; r++)
        for (int i = 0; i < s.Inputs; i++)
            turned[(o * s.Inputs + i) * s.Kernel + r] = w[(o * s.Kernel + r) * s.Inputs + i];
        return CausalConv.Forward(
            [.. x.Select(v => (double)v)],
            turned,
            null,
            s.Steps,
            s.BatchSize,
            s.Inputs,
            s.Outputs,
            s.Kernel,
            s.Dilation
        );
    }

    private static double Dot(float[] a, IEnumerable<double> b) => a.Zip(b, (p, q) => p * q).Sum();

    private static float[] Numbers(long count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, (int)count).Select(_ => random.NextSingle() * 2 - 1)];
    }
}
