using System.Globalization;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu.Ptx;
using Sequor.Workloads;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Cuda;

/// <summary>
/// What a training step takes at its peak beside the least that it must keep, at about 70,000 parameters. Stated apart: the
/// backend's own scratch, which is the same for all, and cuDNN's reserve.
/// </summary>
[TestFixture]
[VirtualGpuOnly]
[NonParallelizable]
[Category("Gpu")]
public sealed class CudaMemoryTests
{
    private const double Most = 1.2;

    private static IEnumerable<TestCaseData> Cases() =>
        from shape in new[] { (T: 600, B: 32), (T: 2000, B: 8), (T: 100, B: 128) }
        from task in Listed.DrawnTasks
        from name in Architecture.Compared.Select(a => a.Name)
        select new TestCaseData(name, task, shape.T, shape.B);

    [TestCaseSource(nameof(Cases))]
    public void Peak_memory_is_near_the_least(string name, string taskName, int length, int batch)
    {
        Architecture architecture = Architecture.Get(name);
        SequenceTask task = Sequor.Workloads.Tasks.Create(taskName, length);
        PresetModel sizes = Budget.Find(architecture, task, 70_000);
        var workload = new Workload(architecture, task, batch, sizes);
        using var device = VirtualDevice.Start(new VirtualOptions { Kernels = new PtxEngine() });
        CudaBackend gpu = CudaBackend.Create(0, null, StepCounts.Libraries(device));
        long own = gpu.Memory.CurrentBytes;
        // All is taken before the first step.
        using var step = new TrainingStep(workload, gpu, seed: 1);
        long reserve = gpu.Memory.AtPeak(MemoryCategory.Reserve);
        long taken = gpu.Memory.PeakBytes - own - reserve;
        long least = LeastWithoutReserve(workload, reserve > 0);
        double ratio = (double)taken / least;
        TestContext.Out.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{name} {taskName} T={length} B={batch}: {taken:N0} bytes, {ratio:0.000} of the least; of the algorithm's whole floor {(double)taken / workload.FloorBytes:0.000}; the backend's own {own:N0}, cuDNN's reserve {reserve:N0}"
            )
        );
        Assert.That(ratio, Is.InRange(1, Most));
    }

    // Where cuDNN keeps what backward needs, all but its inputs and outputs is in its reserve; and it reads a gradient of every
    // step, also where only the last one's is not zero. One for an embedding before it lies beside that.
    private static long LeastWithoutReserve(Workload workload, bool hasReserve)
    {
        if (!hasReserve)
            return workload.FloorBytes;
        long kept = workload.Architecture.KeptBytes(workload.Tokens, workload.Sizes);
        long outputs = workload.Tokens * workload.Width * sizeof(float);
        return workload.FloorBytes - kept + (workload.Task.InputClasses is null ? 2 : 3) * outputs;
    }
}
