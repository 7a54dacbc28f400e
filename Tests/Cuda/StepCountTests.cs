using System.Globalization;
using System.Text;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Cuda;

/// <summary>
/// The calls of a whole training step of each architecture into driver, cuDNN and cuBLAS, exactly as step-counts.txt has them:
/// the adding problem, T=12, 4 sequences, 6 units a layer, usual depth, Adam with clipping.
/// </summary>
[TestFixture]
[VirtualGpuOnly]
public sealed class StepCountTests : CudaFixture
{
    /// <summary>Names a file that the counts are written to, in place of being compared.</summary>
    public const string UpdateVariable = "SEQUOR_UPDATE_COUNTS";

    private const string Heading = "# Calls of one training step; StepCountTests says of what.";

    [Test]
    public void A_step_makes_the_calls_that_it_made_before()
    {
        VirtualDevice device = RequireVirtual();
        var text = new StringBuilder(Heading).Append('\n');
        foreach (Architecture architecture in Architecture.All)
        {
            text.Append('\n').Append(architecture.Name).Append('\n');
            foreach ((string call, long count) in Step(device, architecture))
                text.Append(CultureInfo.InvariantCulture, $"  {call, -28} {count}\n");
        }
        string found = text.ToString();
        if (Environment.GetEnvironmentVariable(UpdateVariable) is { Length: > 0 } path)
            File.WriteAllText(path, found);
        else
            Assert.That(
                found,
                Is.EqualTo(Recorded()),
                $"a step's calls; {UpdateVariable}=Tests/Cuda/step-counts.txt records them anew"
            );
    }

    private Dictionary<string, long> Step(VirtualDevice device, Architecture architecture)
    {
        var task = new AddingProblem(12);
        using Sequential model = architecture.Create(task, 6, architecture.DefaultDepth);
        using var trainer = new Trainer(
            model,
            task,
            Gpu,
            plan => new Adam(plan, 0.002f),
            new TrainingOptions
            {
                Batch = 4,
                Clip = 1f,
                HeldOut = 4,
            }
        );
        trainer.TrainStep();
        Gpu.Synchronize();
        long taken = Gpu.Memory.Allocations;
        device.Counts.Reset();

        trainer.TrainStep();

        Assert.That(Gpu.Memory.Allocations, Is.EqualTo(taken), architecture.Name);
        // Which context is current, and cuBLAS's mode, cost nothing on the device.
        return device
            .Counts.Calls.Where(c =>
                !c.Key.StartsWith("cuCtx", StringComparison.Ordinal) && c.Key != "cublasSetMathMode"
            )
            .ToDictionary();
    }

    private static string Recorded()
    {
        using Stream stream = typeof(StepCountTests).Assembly.GetManifestResourceStream(
            "step-counts.txt"
        )!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
