using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Examples;

[TestFixture]
public sealed class ExampleTests : CudaFixture
{
    [Test]
    public void The_lstm_on_foreign_pointers_gives_what_the_cpu_gives()
    {
        float[] input = new Draw(1).Uniform(20 * 4 * 16);
        float[] gradient = new Draw(2).Uniform(20 * 4 * 32);
        using CudaStream theirs = CudaStream.Create(Context);
        using DeviceBuffer<float> x = Upload(input, theirs);
        using DeviceBuffer<float> dy = Upload(gradient, theirs);
        using var y = DeviceBuffer<float>.Allocate(Context, 20 * 4 * 32);
        using var dx = DeviceBuffer<float>.Allocate(Context, 20 * 4 * 16);

        LstmOnForeignPointers.Run(
            (nint)Context.Handle.Value,
            (nint)theirs.Handle.Value,
            (nint)x.Handle.Value,
            (nint)y.Handle.Value,
            (nint)dy.Handle.Value,
            (nint)dx.Handle.Value,
            Libraries
        );

        using var lstm = new Lstm(16, 32, 2);
        using Plan plan = lstm.Plan(Cpu, 20, 4, Mode.Training, inputGradient: true);
        Tensor cpuDy = Cpu.Allocate(new Shape(20, 4, 32), MemoryCategory.InputOutput);
        cpuDy.Write(gradient);
        plan.Forward(input, 20, 4);
        plan.Backward(cpuDy);
        cpuDy.Storage.Dispose();
        Against.Cpu("lstm, two layers", "y", y.Span.ToArray(theirs), plan.Output.ToArray(), 2e-5);
        Against.Cpu(
            "lstm, two layers",
            "dx",
            dx.Span.ToArray(theirs),
            plan.InputGradient.ToArray(),
            2e-5
        );
    }

    [Test]
    public void The_readme_shows_the_code_that_runs()
    {
        string[] code = Resource("LstmOnForeignPointers.cs").Split('\n');
        int begin = Array.FindIndex(
            code,
            line => line.Contains("README begins", StringComparison.Ordinal)
        );
        int end = Array.FindIndex(
            code,
            line => line.Contains("README ends", StringComparison.Ordinal)
        );
        Assert.That(end, Is.GreaterThan(begin + 5));
        string shown = string.Join(
            '\n',
            code[(begin + 1)..end].Select(line => line.Length > 8 ? line[8..] : "")
        );
        Assert.That(Resource("README.md"), Does.Contain(shown));
    }

    private static string Resource(string name)
    {
        using Stream stream = typeof(ExampleTests).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    private DeviceBuffer<float> Upload(float[] values, CudaStream stream)
    {
        var buffer = DeviceBuffer<float>.Allocate(Context, values.Length);
        buffer.Span.CopyFrom(values, stream);
        return buffer;
    }
}
