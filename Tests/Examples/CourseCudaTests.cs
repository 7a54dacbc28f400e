using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Support;

namespace Sequor.Tests.Examples;

/// <summary>The numbered examples that need a GPU run on the one that there is, else on the virtual one; without one they say so.</summary>
[TestFixture]
public sealed class CourseCudaTests : CudaFixture
{
    [TestCase("07-foreign-stream")]
    [TestCase("08-own-graph", "6")]
    public void An_example_runs_on_a_gpu(string name, params string[] arguments)
    {
        using IDisposable standIn = CudaLibraries.StandIn(Libraries);
        CourseExample example = CourseExample.Of(name);
        (int code, string output, string error) = example.Run(arguments);
        Assert.That((code, error), Is.EqualTo((0, "")));
        TestContext.Out.Write(output);
        Assert.That(
            CourseExample.Shape(output.TrimEnd('\n').Split('\n')),
            Is.EqualTo(CourseExample.Shape(example.Output.Skip(1)))
        );
        if (name.StartsWith("07", StringComparison.Ordinal))
            Assert.That(
                CourseExample.Numbers([output.TrimEnd('\n')]),
                Has.Count.EqualTo(2).And.All.LessThan(2e-5),
                "they are the CPU's results"
            );
    }

    [TestCase("06-own-layer", "2", "cuda")]
    [TestCase("09-profile", "", "cuda", Category = "Long")]
    public void An_example_of_any_device_runs_on_a_gpu(string name, params string[] arguments)
    {
        using IDisposable standIn = CudaLibraries.StandIn(Libraries);
        string path = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}");
        try
        {
            (int code, string output, string error) = CourseExample
                .Of(name)
                .Run([.. arguments.Select(argument => argument.Length == 0 ? path : argument)]);
            Assert.That((code, error), Is.EqualTo((0, "")));
            Assert.That(output, Does.Contain(name[0..2] == "06" ? "rates 0." : "ms on cuda:0"));
            if (name.StartsWith("06", StringComparison.Ordinal))
                Assert.That(
                    CourseExample.Numbers(output.Split('\n')[..2]),
                    Is.EqualTo(CourseExample.Numbers(CourseExample.Of(name).Output.Skip(1).Take(2)))
                        .Within(1e-3),
                    "the gradients are the CPU's"
                );
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestCase("07-foreign-stream", "This example needs a GPU: ")]
    [TestCase("08-own-graph", "This example needs a GPU: ")]
    [TestCase("06-own-layer", "device cuda:0 is not available", "1", "cuda")]
    [TestCase("09-profile", "device cuda:0 is not available", "file", "cuda")]
    [VirtualGpuOnly]
    public void Without_a_gpu_it_says_why(string name, string message, params string[] arguments)
    {
        using IDisposable standIn = CudaLibraries.StandIn(
            CudaLibraries.Load(new() { Resolve = _ => new Nothing() })
        );
        (int code, string output, string error) = CourseExample.Of(name).Run(arguments);
        Assert.That((code, output), Is.EqualTo((1, "")));
        Assert.That(error, Does.StartWith(message).And.Length.GreaterThan(message.Length + 10));
    }

    private sealed class Nothing : INativeSymbols
    {
        public string Name => "nothing";

        public nint Find(string symbol) => 0;
    }
}
