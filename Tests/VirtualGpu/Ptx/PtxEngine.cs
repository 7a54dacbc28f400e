using System.Collections.Concurrent;
using System.Text;
using Sequor.Native;
using Sequor.VirtualGpu.Ptxas;
using Sequor.VirtualGpu.Recording;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Runs PTX behind the virtual driver.</summary>
internal sealed class PtxEngine : IKernelEngine
{
    private static readonly ConcurrentDictionary<string, PtxModule> Parsed = new();

    private readonly SortedDictionary<string, PtxCounts> _counts = new(StringComparer.Ordinal);

    /// <summary>What was done, by kernel.</summary>
    public IReadOnlyDictionary<string, PtxCounts> Counts => _counts;

    /// <summary>Told of every launch that has ended.</summary>
    public Action<PtxLaunched>? Launched { get; init; }

    /// <summary>Remembers launches; null for nobody.</summary>
    public LaunchRecorder? Recorder { get; init; }

    /// <summary>Applied to every launch: limits, weak memory, sectors.</summary>
    public Func<PtxLaunch, PtxLaunch> Configure { get; init; } = launch => launch;

    public CUresult Load(
        VirtualDevice device,
        ReadOnlySpan<byte> image,
        out IKernelModule? module,
        out string log
    )
    {
        module = null;
        try
        {
            PtxModule parsed = Parse(Encoding.UTF8.GetString(image));
            if (parsed.Target.Capability > device.Options.ComputeCapability)
            {
                log =
                    $"the target {parsed.Target.Name} is not one that compute capability {device.Options.ComputeCapability} can run";
                return CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU;
            }
            string digest = PtxasTable.DigestOf(image);
            module = new Module(
                this,
                parsed,
                kernel => PtxasTable.Shipped.Find(digest, kernel, device.Options.ComputeCapability)
            );
            log = "";
            return CUresult.CUDA_SUCCESS;
        }
        catch (PtxException e)
        {
            log = e.Message;
            return CUresult.CUDA_ERROR_INVALID_PTX;
        }
    }

    // Tests load the same text again and again. Global variables have an address, which is a device's.
    private static PtxModule Parse(string text)
    {
        if (Parsed.TryGetValue(text, out PtxModule? module))
            return module;
        module = PtxModule.Parse(text);
        if (module.Globals.Count == 0)
            Parsed.TryAdd(text, module);
        return module;
    }

    private PtxCounts CountsOf(string kernel)
    {
        if (!_counts.TryGetValue(kernel, out PtxCounts? counts))
            _counts.Add(kernel, counts = new PtxCounts());
        return counts;
    }

    private sealed class Module(
        PtxEngine engine,
        PtxModule module,
        Func<string, PtxasRow?> assembled
    ) : IKernelModule
    {
        public int Architecture => module.Target.Capability;

        public IEnumerable<string> Globals => module.Globals.Select(g => g.Name);

        public IKernel? Kernel(string name) =>
            module.Kernels.TryGetValue(name, out PtxKernel? kernel)
                ? new Kernel(engine, kernel, assembled(name))
                : null;

        public byte[]? Global(string name)
        {
            if (module.Globals.FirstOrDefault(g => g.Name == name) is not { } variable)
                return null;
            byte[] bytes = new byte[variable.Bytes];
            variable.Initial.CopyTo(bytes, 0);
            return bytes;
        }

        public void Place(string name, nint address) =>
            module.Globals.First(g => g.Name == name).Address = (ulong)address;
    }

    // What ptxas made of it for the device's compute capability; null where no table has it.
    private sealed class Kernel(PtxEngine engine, PtxKernel kernel, PtxasRow? assembled) : IKernel
    {
        public string Name => kernel.Name;

        public IReadOnlyList<int> ParameterSizes { get; } =
        [.. kernel.Parameters.Select(p => (int)p.Bytes)];

        // What ptxas would take of other PTX than Sequor's is not known; it is no less than what is in use at a time, and no more than
        // lets a block of the size that the kernel is declared for be launched: beyond, ptxas spills.
        public int RegistersPerThread =>
            assembled?.Registers
            ?? Math.Min(
                Math.Clamp(kernel.Compile().Registers + 8, 16, 255),
                kernel.MaximumThreads < 1024
                    ? DeviceAttributes.RegistersPerMultiprocessor
                        / (((int)kernel.MaximumThreads + 31) / 32 * 32)
                        / 8
                        * 8
                    : 255
            );

        public int LocalBytesPerThread => assembled?.Stack ?? (int)kernel.LocalBytes;

        public int StaticSharedMemory => (int)kernel.StaticSharedBytes;

        public int MaxThreadsPerBlock => (int)kernel.MaximumThreads;

        public void Run(VirtualDevice device, KernelLaunch launch)
        {
            byte[] arguments = new byte[kernel.ParameterBytes];
            for (int i = 0; i < launch.Parameters.Count; i++)
                launch.Parameters[i].CopyTo(arguments, kernel.Parameters[i].Offset);
            var counts = new PtxCounts();
            var options = new PtxLaunch
            {
                Grid = new(launch.Grid.X, launch.Grid.Y, launch.Grid.Z),
                Block = new(launch.Block.X, launch.Block.Y, launch.Block.Z),
                SharedBytes = (int)launch.DynamicSharedMemory,
                Arguments = arguments,
                Memory = new PtxDeviceMemory(device, kernel.Name),
                Seed = (ulong)device.Random.NextInt64(),
                // A card computes a product in one way, whenever it is asked.
                TensorCore = PtxTensorCore.Of((ulong)device.Options.Seed),
                Counts = counts,
                Cooperative = launch.Cooperative,
            };
            try
            {
                options = engine.Configure(options);
                if (engine.Recorder is { } recorder)
                    recorder.Run(kernel, options);
                else
                    kernel.Launch(options);
            }
            catch (ArgumentException e)
            {
                throw new VirtualFaultException(
                    new VirtualFault(FaultKind.Kernel, kernel.Name, "the launch", 0, e.Message)
                );
            }
            catch (PtxFaultException e)
            {
                throw new VirtualFaultException(
                    new VirtualFault(
                        Of(e.Fault.Kind),
                        kernel.Name,
                        e.Fault.Instruction,
                        (nint)e.Fault.Address,
                        e.Fault.ToString()
                    )
                );
            }
            engine.CountsOf(kernel.Name).Add(counts);
            engine.Launched?.Invoke(new PtxLaunched(this, launch, counts));
            device.Work.Touched(counts.BytesRead, counts.BytesWritten);
        }

        private static FaultKind Of(PtxFaultKind kind) =>
            kind switch
            {
                PtxFaultKind.OutOfBounds => FaultKind.OutOfBounds,
                PtxFaultKind.Misaligned => FaultKind.Misaligned,
                PtxFaultKind.Uninitialised => FaultKind.Uninitialised,
                PtxFaultKind.UseAfterFree => FaultKind.UseAfterFree,
                _ => FaultKind.Kernel,
            };
    }
}

/// <summary>A launch that has ended.</summary>
/// <param name="Kernel">What was launched.</param>
/// <param name="Launch">How.</param>
/// <param name="Counts">What it did.</param>
internal sealed record PtxLaunched(IKernel Kernel, KernelLaunch Launch, PtxCounts Counts);
