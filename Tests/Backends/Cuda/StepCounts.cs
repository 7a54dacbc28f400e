using System.Globalization;
using Sequor.Counts;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.VirtualGpu.Ptx;
using Sequor.Workloads;
using VirtualCounts = Sequor.VirtualGpu.VirtualCounts;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;
using WorkCount = Sequor.VirtualGpu.WorkCount;

namespace Sequor.Tests.Cuda;

/// <summary>Counts what a training step does on a virtual GPU of its own.</summary>
internal static class StepCounts
{
    // What predicts is told for one GPU; ./build.sh counts tells it for others.
    private static readonly Gpu On = Gpu.Get("--gpu", "h200");

    private static readonly string[] Releases = ["cuMemFree", "cuMemFreeAsync", "cuMemFreeHost"];

    private static readonly string[] Copies =
    [
        "copy host to device",
        "copy device to host",
        "copy device to device",
        "fill",
    ];

    /// <summary>Counts a step of Adam with clipping.</summary>
    /// <param name="workload">What is trained.</param>
    /// <param name="seed">The order in which the device does what it may do in any.</param>
    public static CountSection Of(Workload workload, int seed)
    {
        // No block then waits for another, and how often one looks depends on nothing.
        StepTally? tally = null;
        var engine = new PtxEngine
        {
            Configure = launch =>
                launch with
                {
                    BlocksAtOnce = 1,
                    CountSectors = tally is not null,
                },
            Launched = launched => tally?.Add(launched),
        };
        using var device = VirtualDevice.Start(
            new VirtualOptions
            {
                Seed = seed,
                Kernels = engine,
                ComputeCapability = On.Capability,
            }
        );
        var section = new CountSection(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{workload.Architecture}: T={workload.Task.Length}, B={workload.Batch}, width {workload.Width}, depth {workload.Depth}"
            )
        );
        using (var context = CudaContext.Primary(Libraries(device).Device()))
        using (var stream = context.CreateStream())
        using (var gpu = new CudaBackend(context, stream))
            Count(section, workload, device, engine, gpu, () => tally = new StepTally(On));
        device.AssertClean();
        return section;
    }

    /// <summary>The virtual libraries of a device.</summary>
    public static CudaLibraries Libraries(VirtualDevice device) =>
        CudaLibraries.From(
            device.Symbols(LibraryKind.CudaDriver),
            device.Symbols(LibraryKind.CuDnn),
            device.Symbols(LibraryKind.CuBlas),
            cuBlasLt: device.Symbols(LibraryKind.CuBlasLt)
        );

    private static void Count(
        CountSection section,
        Workload workload,
        VirtualDevice device,
        PtxEngine engine,
        CudaBackend gpu,
        Func<StepTally> begin
    )
    {
        long own = gpu.Memory.CurrentBytes;
        using Sequential model = workload.CreateModel();
        using var trainer = new Trainer(
            model,
            workload.Task,
            validation: null,
            gpu,
            plan => new Adam(plan, 0.002f),
            new TrainingOptions
            {
                Batch = workload.Batch,
                Clip = 1f,
                // The losses that are kept of a step, to be read later, are no part of it.
                LogEvery = 0,
            }
        );
        VirtualCounts counts = device.Counts;
        trainer.TrainStep();
        counts.Reset();
        trainer.TrainStep();
        var asItIs = counts.Calls.ToDictionary();
        // Recorded, which prepares what all later ones use.
        trainer.TrainStep();
        gpu.Synchronize();
        long live = counts.LiveBytes + counts.HostLiveBytes;
        long taken = gpu.Memory.Allocations;
        Dictionary<string, KernelCount> before = Kernels(engine);
        counts.Reset();
        StepTally tally = begin();

        trainer.TrainStep();

        var calls = counts.Calls.ToDictionary();
        long waits = counts.Waits;
        // What was put off has to run to be counted.
        gpu.Synchronize();
        AddKernels(section, before, Kernels(engine));
        AddPredictions(section, tally);
        AddCalls(section, asItIs, calls);
        AddLibrary(section, tally.Library(counts));
        AddCopies(section, counts);
        CountTable table = section.Table("waits, allocations", "number");
        table.Add("waits of the host", waits);
        table.Add("blocks of device memory taken", counts.Allocations);
        table.Add("blocks of pinned memory taken", counts.HostAllocations);
        table.Add("blocks that the backend took", gpu.Memory.Allocations - taken);
        table.Add("calls that give memory back", Releases.Sum(counts.Of));
        table.Add("bytes held more than before", counts.LiveBytes + counts.HostLiveBytes - live);
        AddMemory(section, gpu.Memory, own);
    }

    private static void AddKernels(
        CountSection section,
        Dictionary<string, KernelCount> before,
        Dictionary<string, KernelCount> after
    )
    {
        CountTable table = section.Table(
            "kernels",
            "launches",
            "bytes read",
            "bytes written",
            "atomics"
        );
        long[] all = new long[4];
        foreach ((string name, KernelCount counted) in after)
        {
            KernelCount earlier = before.GetValueOrDefault(name);
            long[] step =
            [
                counted.Launches - earlier.Launches,
                counted.Read - earlier.Read,
                counted.Written - earlier.Written,
                counted.Atomics - earlier.Atomics,
            ];
            if (step[0] == 0)
                continue;
            table.Add(name, step);
            for (int i = 0; i < all.Length; i++)
                all[i] += step[i];
        }
        table.Add("all", all);
    }

    private static void AddPredictions(CountSection section, StepTally tally)
    {
        CountTable table = section.Table(
            $"kernels, {On.Key}",
            "sectors",
            "conflicts",
            "instructions",
            "waves",
            "floor ns"
        );
        foreach (KernelTally kernel in tally.Kernels)
            table.AddText(
                kernel.Name,
                Text($"{kernel.SectorsPerRequest:0.00}"),
                Text($"{kernel.Counts.BankConflicts:#,0}"),
                Text($"{kernel.InstructionsPerValue:0.0}"),
                Text($"{kernel.Waves:0.0000}"),
                Text($"{1000 * kernel.FloorMicroseconds:#,0.0}")
            );
    }

    private static void AddLibrary(CountSection section, IReadOnlyList<LibraryTally> library)
    {
        CountTable table = section.Table(
            $"library calls, {On.Key}",
            "number",
            "bytes",
            "operations",
            "floor ns"
        );
        foreach (LibraryTally call in library)
            table.AddText(
                call.Call,
                Text($"{call.Calls:#,0}"),
                Text($"{call.Bytes:#,0}"),
                Text($"{call.Operations:#,0}"),
                Text($"{1000 * call.FloorMicroseconds:#,0.0}")
            );
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);

    private static void AddCalls(
        CountSection section,
        Dictionary<string, long> asItIs,
        Dictionary<string, long> replayed
    )
    {
        CountTable library = section.Table("library calls", "as it is", "replayed");
        CountTable driver = section.Table("driver calls", "as it is", "replayed");
        foreach (string call in asItIs.Keys.Union(replayed.Keys).Order(StringComparer.Ordinal))
        {
            // Which context is current, and cuBLAS's mode, cost nothing on the device.
            if (call.StartsWith("cuCtx", StringComparison.Ordinal) || call == "cublasSetMathMode")
                continue;
            bool isLibrary =
                call.StartsWith("cudnn", StringComparison.Ordinal)
                || call.StartsWith("cublas", StringComparison.Ordinal);
            (isLibrary ? library : driver).Add(
                call,
                asItIs.GetValueOrDefault(call),
                replayed.GetValueOrDefault(call)
            );
        }
    }

    private static void AddCopies(CountSection section, VirtualCounts counts)
    {
        CountTable table = section.Table("copies and fills", "number", "bytes");
        long[] bytes =
        [
            counts.BytesHostToDevice,
            counts.BytesDeviceToHost,
            counts.BytesDeviceToDevice,
            counts.BytesFilled,
        ];
        foreach ((string name, long each) in Copies.Zip(bytes))
            table.Add(name, counts.Work.GetValueOrDefault(name, default(WorkCount)).Runs, each);
    }

    private static void AddMemory(CountSection section, MemoryLedger memory, long own)
    {
        CountTable table = section.Table("memory at its peak", "bytes");
        table.Add("the backend's own scratch", own);
        // What a graph takes is the driver's: the virtual one takes nothing.
        foreach (
            MemoryCategory category in Enum.GetValues<MemoryCategory>()
                .Where(c => c != MemoryCategory.Graphs)
        )
            table.Add(
                Name(category),
                memory.AtPeak(category) - (category == MemoryCategory.Workspace ? own : 0)
            );
        table.Add("all", memory.PeakBytes);
    }

    private static string Name(MemoryCategory category) =>
        category switch
        {
            MemoryCategory.InputOutput => "inputs and outputs",
            MemoryCategory.Reserve => "cuDNN's reserve",
            _ => category.ToString().ToLowerInvariant(),
        };

    private static Dictionary<string, KernelCount> Kernels(PtxEngine engine) =>
        engine.Counts.ToDictionary(
            k => k.Key,
            k => new KernelCount(
                k.Value.Launches,
                k.Value.BytesRead,
                k.Value.BytesWritten,
                k.Value.Atomics
            )
        );

    private readonly record struct KernelCount(
        long Launches,
        long Read,
        long Written,
        long Atomics
    );
}
