using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.VirtualGpu;
using Sequor.VirtualGpu.Ptx;
using Sequor.Workloads;

namespace Sequor.Counts;

/// <summary>What one training step does, counted on a virtual GPU.</summary>
/// <param name="Workload">What is trained.</param>
/// <param name="Kernels">Sequor's own kernels.</param>
/// <param name="Library">Calls of cuBLAS and cuDNN.</param>
/// <param name="Copies">Copies and fills of memory.</param>
internal sealed record StepCount(
    Workload Workload,
    IReadOnlyList<KernelTally> Kernels,
    IReadOnlyList<LibraryTally> Library,
    long Copies
)
{
    // As the virtual driver calls them.
    private static readonly string[] CopyKinds =
    [
        "copy host to device",
        "copy device to host",
        "copy device to device",
        "fill",
    ];

    public long Launches => Kernels.Sum(k => k.Counts.Launches);

    public long Bytes => Kernels.Sum(k => k.Counts.BytesTouched) + Library.Sum(c => c.Bytes);

    public long Operations => Kernels.Sum(k => k.Operations) + Library.Sum(c => c.Operations);

    /// <summary>The sum over kernels and library calls.</summary>
    public double FloorMicroseconds =>
        Kernels.Sum(k => k.FloorMicroseconds) + Library.Sum(c => c.FloorMicroseconds);

    /// <summary>Copies and fills of memory that ran.</summary>
    public static long CopiesOf(VirtualCounts counts) =>
        CopyKinds.Sum(kind => counts.Work.GetValueOrDefault(kind, default(WorkCount)).Runs);

    /// <summary>Counts the second step, as bench measures it: the first prepares what all later ones use.</summary>
    /// <param name="workload">What is trained.</param>
    /// <param name="gpu">For what GPU.</param>
    /// <param name="options">How it computes.</param>
    /// <param name="seed">Of parameters and data.</param>
    /// <exception cref="DeviceMemoryException">The GPU has not the memory.</exception>
    public static StepCount Of(Workload workload, Gpu gpu, CudaOptions options, ulong seed)
    {
        bool counting = false;
        var tally = new StepTally(gpu);
        var engine = new PtxEngine
        {
            // No block then waits for another, and how often one looks depends on nothing.
            Configure = launch => launch with { BlocksAtOnce = 1, CountSectors = counting },
            Launched = launched =>
            {
                if (counting)
                    tally.Add(launched);
            },
        };
        using var device = VirtualDevice.Start(
            new VirtualOptions
            {
                Kernels = engine,
                DeviceName = gpu.Name,
                ComputeCapability = gpu.Capability,
                TotalMemory = gpu.MemoryBytes,
            }
        );
        StepCount counted;
        using (
            var step = new TrainingStep(
                workload,
                // Recorded, a step launches the same.
                CudaBackend.Create(0, options with { Graphs = false }, LibrariesOf(device)),
                seed
            )
        )
        {
            step.Run();
            device.Counts.Reset();
            counting = true;
            step.Run();
            counting = false;
            counted = new(
                workload,
                tally.Kernels,
                tally.Library(device.Counts),
                CopiesOf(device.Counts)
            );
        }
        device.AssertClean();
        return counted;
    }

    private static CudaLibraries LibrariesOf(VirtualDevice device) =>
        CudaLibraries.From(
            device.Symbols(LibraryKind.CudaDriver),
            device.Symbols(LibraryKind.CuDnn),
            device.Symbols(LibraryKind.CuBlas),
            cuBlasLt: device.Symbols(LibraryKind.CuBlasLt)
        );
}
