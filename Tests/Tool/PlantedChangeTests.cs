using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Counts;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.Workloads;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Tool;

/// <summary>
/// <c>compare --counts</c> finds a copy, a launch or an allocation that is planted in a step, each time, and nothing where there is
/// nothing. Sizes, amounts and places are drawn.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed class PlantedChangeTests : FolderTest
{
    // A copy that takes no memory is no count of bench on a CPU.
    private static readonly Planted[] OnCpu = [Planted.Copy, Planted.Launch, Planted.Managed];

    // The virtual GPU is made of managed objects itself, more or less of them each time.
    private const string OwnObjects = "--allow managed_bytes_per_step=100";

    private static readonly Planted[] OnGpu = [Planted.Copy, Planted.CopyAgain, Planted.Launch];

    [TestCase(3)]
    [TestCase(100, Category = "Long")]
    public void On_a_cpu(int draws) =>
        Every(
            OnCpu,
            draws,
            "",
            workload =>
                Bench(workload, () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }))
        );

    [Test]
    public void Managed_bytes_are_those_of_the_median_step()
    {
        Assert.That(Of(Planted.Managed), Is.EqualTo(1000 + (3 * nint.Size)), "and its head");
        Assert.That(Of(Planted.ManagedAtTimes), Is.Zero, "three of nine");

        static double Of(Planted planted) =>
            Measurement
                .Run(
                    [
                        new(
                            new PlantedArchitecture(planted, 1000, backward: false),
                            new AddingProblem(4),
                            2,
                            3,
                            1
                        ),
                    ],
                    () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
                    new MeasurementOptions { Warmup = 4, Steps = 9 }
                )
                .Single()
                .ManagedBytes;
    }

    // As steps are measured, replayed as a graph.
    [TestCase(3)]
    [TestCase(100, Category = "Long")]
    [Category("Gpu")]
    [VirtualGpuOnly]
    public void On_a_gpu(int draws) =>
        Every(
            OnGpu,
            draws,
            OwnObjects,
            workload =>
            {
                (CudaLibraries libraries, VirtualDevice? device) = TestGpu.Start(isVirtual: true);
                using (device)
                {
                    byte[] report = Bench(
                        workload,
                        () => CudaBackend.Create(0, new CudaOptions(), libraries)
                    );
                    device!.AssertClean();
                    return report;
                }
            }
        );

    // As ./build.sh counts tells them.
    [TestCase(3)]
    [TestCase(100, Category = "Long")]
    [Category("Gpu")]
    [VirtualGpuOnly]
    public void In_counts(int draws)
    {
        Gpu gpu = Gpu.Get("--gpu", "h200");
        Every(
            OnGpu,
            draws,
            "",
            workload =>
                CountsReport
                    .Of(
                        gpu,
                        workload.Task.Length,
                        [StepCount.Of(workload, gpu, new CudaOptions(), seed: 1)]
                    )
                    .ToUtf8()
        );
    }

    private void Every(Planted[] kinds, int draws, string allowed, Func<Workload, byte[]> report)
    {
        (string before, string again, string after) = (
            PathOf("base.json"),
            PathOf("again.json"),
            PathOf("head.json")
        );
        int found = 0;
        for (int i = 0; i < draws; i++)
        {
            var random = new Random(i);
            Planted planted = kinds[i % kinds.Length];
            var task = new AddingProblem(random.Next(2, 9));
            (int batch, int width) = (random.Next(1, 5), random.Next(1, 9));
            (int amount, bool backward) = (random.Next(1, 5000), random.Next(2) == 0);
            File.WriteAllBytes(before, report(Of(Planted.None)));
            File.WriteAllBytes(again, report(Of(Planted.None)));
            File.WriteAllBytes(after, report(Of(planted)));
            ProgramResult unchanged = InProcess.Run(
                $"compare --counts {allowed}".TrimEnd(),
                before,
                again
            );
            Assert.That(unchanged.ExitCode, Is.Zero, unchanged.Output + unchanged.Error);
            string json = PathOf("compared.json");
            File.Delete(json);
            ProgramResult changed = InProcess.Run(
                $"compare --counts {allowed}".TrimEnd(),
                "--json",
                json,
                before,
                after
            );
            Assert.That(
                changed.ExitCode,
                Is.EqualTo(1),
                $"draw {i}, {planted}, backward {backward}:\n{changed.Output}{changed.Error}"
            );
            found += (string)JsonNode.Parse(File.ReadAllBytes(json))!["verdict"]!
                is "more"
                    or "missing"
                ? 1
                : 0;

            Workload Of(Planted what) =>
                new(new PlantedArchitecture(what, amount, backward), task, batch, width, 1);
        }
        Assert.That(found, Is.EqualTo(draws));
        TestContext.Out.WriteLine($"found {found} of {draws}");
    }

    private static byte[] Bench(Workload workload, Func<Backend> create)
    {
        var options = new MeasurementOptions { Warmup = 4, Steps = 2 };
        Measured measured = Measurement.Run([workload], create, options).Single();
        return ReportWriter.ToUtf8(
            new BenchReport
            {
                Machine = Machine.Read(),
                Date = ReportWriter.Date(DateTimeOffset.Now),
                Gpu = GpuReport.Of(measured.Device),
                Threads = measured.Device.Threads,
                Task = workload.Task.Name,
                Seed = options.Seed,
                Warmup = measured.Warmup,
                Steps = measured.Steps.Count,
                Seconds = 1,
                Results = [BenchResult.From(measured, workload.Task.Length)],
            }
        );
    }
}
